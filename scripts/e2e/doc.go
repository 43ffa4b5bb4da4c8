// Package e2e holds the tests of the real programs together: nights of many
// tenants, and tests that hurt. Workers are killed with SIGKILL or frozen,
// Postgres is stopped in the middle, runs are cancelled, at a chosen point of
// each step. Whatever happens, a run ends with the same roster as one that was
// left alone, or, cancelled, with nothing written.
//
// The points are exact, without sleeps: a step is held by the simulator, which
// does not answer a certain request until it is told to, or by a lock on a table
// of the roster store. Only then does the fault come.
//
// Each protection has a control: programs built without it (build tags unfenced,
// unproven and unbudgeted) must fail the same test.
package e2e
