//go:build !unproven

package postgres

// Proven is whether plan and apply look for staged rows that were lost. The
// build tag "unproven" takes it out, only so that the fault tests can show
// that they would notice.
const Proven = true
