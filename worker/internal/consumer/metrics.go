package consumer

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"cleversync/shared/queue"
	"cleversync/shared/syncrun"
)

// Metrics record what became of deliveries and steps.
type Metrics struct {
	steps    *prometheus.HistogramVec
	retries  *prometheus.CounterVec
	claims   *prometheus.CounterVec
	outcomes *prometheus.CounterVec
}

// NewMetrics makes and registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "cleversync_step_duration_seconds",
			Help:    "Time from a step's claim to what became of it.",
			Buckets: prometheus.ExponentialBuckets(0.01, 3, 11),
		}, []string{"stage", "stream", "outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_step_retries_total",
			Help: "Steps that had to wait for another try, by the code of what they met.",
		}, []string{"stage", "reason"}),
		claims: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_claims_total",
			Help: "Deliveries by what their claim answered.",
		}, []string{"answer"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_steps_interrupted_total",
			Help: "Steps that were given back or taken over.",
		}, []string{"stage", "outcome"}),
	}
	reg.MustRegister(m.steps, m.retries, m.claims, m.outcomes)
	return m
}

func (m *Metrics) outcome(outcome string, step syncrun.Step) {
	m.outcomes.WithLabelValues(step.Stage(), outcome).Inc()
}

func outcomeOf(err error) string {
	if err == nil {
		return "settled"
	}
	if _, waits := errors.AsType[*queue.Later](err); waits {
		return "waits"
	}
	return "unrecorded"
}
