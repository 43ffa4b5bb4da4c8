package planner

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what planners of this process did. They are counted after the
// commit, by whoever did it, so their sum over all schedulers is right.
type Metrics struct {
	started, missed *prometheus.CounterVec
}

// NewMetrics registers the metrics of a Planner.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_scheduled_runs_started_total",
			Help: "Runs that began because a tenant's slot came.",
		}, []string{"region"}),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_slots_missed_total",
			Help: "Slots given up because the tenant's next one came before its run could begin.",
		}, []string{"region"}),
	}
	reg.MustRegister(m.started, m.missed)
	return m
}

func (m *Metrics) count(region string, started, missed int) {
	m.started.WithLabelValues(region).Add(float64(started))
	m.missed.WithLabelValues(region).Add(float64(missed))
}
