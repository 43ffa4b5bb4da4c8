package clever

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the client. Its labels are bounded: an endpoint is a path with
// its ids taken out, a status one of a fixed set.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	budget   prometheus.Histogram
}

// newMetrics makes the metrics and, where there is a registerer, registers them.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cleversync_clever_requests_total",
			Help: "Requests to Clever by endpoint and HTTP status; failed: no usable answer came, cancelled: the caller gave up.",
		}, []string{"endpoint", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "cleversync_clever_request_duration_seconds",
			Help:    "Time spent waiting for Clever in one request: until the answer began, and then for its bytes.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}, []string{"endpoint"}),
		budget: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "cleversync_clever_budget_wait_seconds",
			Help:    "Time that requests waited for their place in the shared budget of their district.",
			Buckets: []float64{0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60},
		}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.requests), reg.Register(m.duration), reg.Register(m.budget))
}

func (m *metrics) observe(e exchange) {
	m.requests.WithLabelValues(e.endpoint, e.status).Inc()
	m.duration.WithLabelValues(e.endpoint).Observe(e.waited.Seconds())
}
