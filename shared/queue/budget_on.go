//go:build !unbudgeted

package queue

// budgeted is whether callers wait for a place. The build tag "unbudgeted"
// takes it out, only so that the test of many workers can show that it would
// notice.
const budgeted = true
