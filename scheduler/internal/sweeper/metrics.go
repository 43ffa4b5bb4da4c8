package sweeper

import (
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/shared/queue"
)

// Metrics count what sweepers of this process did. Whoever does a thing counts
// it, so their sum over all schedulers is right.
type Metrics struct {
	redeliveries                                *prometheus.CounterVec
	expired, lost, cancelled, stranded, deleted prometheus.Counter
	truncated                                   prometheus.Counter
}

// NewMetrics registers the metrics of a Sweeper and a Pruner.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	m := &Metrics{
		redeliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_steps_redelivered_total",
			Help: "Steps put on the queue again because their task was missing there, or stuck.",
		}, []string{"reason"}),
		expired:   counter("cleversync_leases_expired_total", "Steps taken from workers that gave no sign of life."),
		lost:      counter("cleversync_runs_lost_total", "Runs given up because one step lost its worker too often."),
		cancelled: counter("cleversync_runs_cancelled_idle_total", "Runs ended on request while nobody worked on them."),
		stranded:  counter("cleversync_runs_stranded_total", "Runs without an unfinished step that were decided again."),
		deleted:   counter("cleversync_staging_rows_pruned_total", "Staged rows deleted because their run had ended or begun anew."),
		truncated: counter("cleversync_staging_truncated_total", "Times that the staging tables were emptied as a whole."),
	}
	reg.MustRegister(m.redeliveries)
	for _, reason := range reasons {
		m.redeliveries.WithLabelValues(reason)
	}
	return m
}

var reasons = map[queue.Whereabouts]string{queue.Missing: "missing", queue.Stuck: "stuck"}

func (m *Metrics) redelivered(where queue.Whereabouts) {
	m.redeliveries.WithLabelValues(reasons[where]).Inc()
}
