//go:build unproven

package postgres

const Proven = false
