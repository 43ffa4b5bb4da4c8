//go:build unfenced

package postgres

const fenced = false
