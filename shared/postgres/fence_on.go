//go:build !unfenced

package postgres

// fenced is whether writes check the epoch of their step. The build tag
// "unfenced" takes it out, only so that the fault tests can show that they
// would notice.
const fenced = true
