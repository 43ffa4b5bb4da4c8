package syncer

import (
	"github.com/prometheus/client_golang/prometheus"

	"cleversync/shared/postgres"
	"cleversync/shared/syncrun"
)

// Metrics count what the fetch steps get from Clever.
type Metrics struct {
	records, pages, bytes *prometheus.CounterVec
}

// NewMetrics makes and registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"stream"})
	}
	m := &Metrics{
		records: counter("cleversync_records_total", "Records received from Clever and staged."),
		pages:   counter("cleversync_pages_total", "Pages received from Clever and staged."),
		bytes:   counter("cleversync_page_bytes_total", "Bytes of those pages, decompressed."),
	}
	reg.MustRegister(m.records, m.pages, m.bytes)
	return m
}

func (m *Metrics) staged(step syncrun.Step, move postgres.PageMove) {
	m.records.WithLabelValues(step.Stream()).Add(float64(move.Records))
	m.pages.WithLabelValues(step.Stream()).Add(float64(move.Pages))
	m.bytes.WithLabelValues(step.Stream()).Add(float64(move.Bytes))
}
