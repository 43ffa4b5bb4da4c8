//go:build !linux

package main

import (
	"errors"
	"os"
	"syscall"
)

// peakMemory is known here only once the process has ended.
func peakMemory(int) (int64, error) { return 0, errors.ErrUnsupported }

// peakAfterEnd is the most memory that an ended process has used, in bytes, as macOS counts them.
func peakAfterEnd(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss
}
