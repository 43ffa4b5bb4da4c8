//go:build unbudgeted

package queue

const budgeted = false
