package gauges

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cleversync/shared/postgres"
)

type metrics struct {
	exporting                       prometheus.Gauge
	tasks, oldestTask               *prometheus.GaugeVec
	steps, oldestStep, lag, staging *prometheus.GaugeVec
	runs                            *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		reg.MustRegister(g)
		return g
	}
	m := &metrics{
		exporting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cleversync_scheduler_exporting",
			Help: "1 in the scheduler that exports the facts about the whole system, 0 in the others.",
		}),
		tasks:      gauge("cleversync_queue_tasks", "Tasks on the queue by state.", "queue", "state"),
		oldestTask: gauge("cleversync_queue_oldest_task_seconds", "How long the oldest pending task has been waiting for a worker.", "queue"),
		steps:      gauge("cleversync_steps", "Unfinished steps: backlog (ready, the queue was not told yet), dispatched, running, waiting.", "state"),
		oldestStep: gauge("cleversync_backlog_oldest_seconds", "Age of the oldest ready step that the queue was not told of yet."),
		lag:        gauge("cleversync_due_lag_seconds", "How long ago the slot came of the tenant that has waited longest for its nightly run to begin.", "region"),
		staging:    gauge("cleversync_staging_bytes", "Size of the staging tables on disk, with their indexes; what grows while nothing runs is bloat."),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_runs_total",
			Help: "Runs that have ended.",
		}, []string{"outcome", "region", "trigger"}),
	}
	reg.MustRegister(m.exporting, m.runs)
	return m
}

func (m *metrics) export(mine bool) {
	m.exporting.Set(0)
	if mine {
		m.exporting.Set(1)
	}
}

// clear takes every gauge away. The counter stays: a counter that goes down
// says that the process began anew.
func (m *metrics) clear() {
	m.export(false)
	m.tasks.Reset()
	m.oldestTask.Reset()
	m.clearDatabase()
}

func (m *metrics) clearDatabase() {
	for _, g := range []*prometheus.GaugeVec{m.steps, m.oldestStep, m.lag, m.staging} {
		g.Reset()
	}
}

func (m *metrics) setBacklog(b postgres.Backlog) {
	for state, n := range map[string]int64{"backlog": b.Ready, "dispatched": b.Dispatched, "running": b.Running, "waiting": b.Waiting} {
		m.steps.WithLabelValues(state).Set(float64(n))
	}
	m.oldestStep.WithLabelValues().Set(b.Oldest.Seconds())
}

func (m *metrics) setLag(lag map[string]time.Duration) {
	for region, d := range lag {
		m.lag.WithLabelValues(region).Set(d.Seconds())
	}
}

func (m *metrics) setStaging(tables []postgres.StagingTable) {
	var size int64
	for _, table := range tables {
		size += table.Bytes
	}
	m.staging.WithLabelValues().Set(float64(size))
}
