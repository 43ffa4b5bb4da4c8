package duty

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	seconds  *prometheus.HistogramVec
	failures *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "cleversync_scheduler_tick_seconds",
			Help:    "How long one tick of a duty took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"duty"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_scheduler_tick_failures_total",
			Help: "Ticks of a duty that failed; it comes again after its interval.",
		}, []string{"duty"}),
	}
	reg.MustRegister(m.seconds, m.failures)
	return m
}

func (m *metrics) observe(duty string, took time.Duration, err error) {
	m.seconds.WithLabelValues(duty).Observe(took.Seconds())
	failed := 0.0
	if err != nil {
		failed = 1
	}
	m.failures.WithLabelValues(duty).Add(failed)
}
