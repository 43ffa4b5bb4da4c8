package main

// notePeaks looks how much memory the programs have used so far; of one that has just been killed it keeps what it saw
// before. The caller holds the lock.
func (ps *programs) notePeaks() {
	for _, p := range ps.running {
		if peak, err := peakMemory(p.cmd.Process.Pid); err == nil {
			p.peak = max(p.peak, peak)
		}
	}
}

// workerPeak is the most memory that any worker has used, in bytes.
func (ps *programs) workerPeak() int64 {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if !ps.stopping {
		ps.notePeaks()
	}
	var peak int64
	for _, p := range ps.running {
		if p.binary() != "worker" {
			continue
		}
		select {
		case <-p.done:
			p.peak = max(p.peak, peakAfterEnd(p.cmd.ProcessState))
		default:
		}
		peak = max(peak, p.peak)
	}
	return peak
}
