package clevertest

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// reply is an answer while it is damaged. It is also what the genuine answer
// is written to.
type reply struct {
	status int
	header http.Header
	body   []byte
	// fill bytes of filler stand at fillAt in the body. They are made while they
	// are sent, so that a giant costs no memory.
	fill   int64
	fillAt int
	filler byte
	// packed tells that the body is compressed already.
	packed bool
}

// Header is that of the answer.
func (p *reply) Header() http.Header { return p.header }

// WriteHeader notes the first status.
func (p *reply) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

// Write keeps the body.
func (p *reply) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	p.body = append(p.body, b...)
	return len(b), nil
}

func newReply() *reply { return &reply{header: http.Header{}} }

// genuine gets Clever's own answer, uncompressed.
func (k *strike) genuine() *reply {
	plain := k.r.Clone(k.r.Context())
	plain.Header.Del("Accept-Encoding")
	p := newReply()
	k.server.Answer(p, plain)
	p.WriteHeader(http.StatusOK)
	return p
}

// aside asks for another page of the list than the request does: with these
// cursors. It costs nothing of the rate limit. Nil where there is none.
func aside(s *Server, r *http.Request, limit int, cursor, id string) *document {
	d := s.opened(bearer(r))
	if d == nil {
		return nil
	}
	other := r.Clone(context.WithValue(r.Context(), districtKey{}, d))
	other.Header.Del("Accept-Encoding")
	query := other.URL.Query()
	query.Del("starting_after")
	query.Del("ending_before")
	query.Del("count")
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	if id != "" {
		query.Set(cursor, id)
	}
	other.URL.RawQuery = query.Encode()
	p := newReply()
	s.mux.ServeHTTP(p, other)
	if p.status != http.StatusOK {
		return nil
	}
	return parseDocument(p.body)
}

// send sends the answer whole, compressed where a genuine one would be. The
// rule's framing is for the answers that it damaged.
func (p *reply) send(k *strike, damaged bool) {
	framing := ""
	if damaged {
		framing = k.fault.Framing
	}
	p.pack(k)
	p.begin(k.w, framing, int64(len(p.body))+p.fill)
	w := io.Writer(k.w)
	var z *gzip.Writer
	if p.header.Get("Content-Encoding") == "gzip" && !p.packed {
		z = gzip.NewWriter(k.w)
		w = z
	}
	w.Write(p.body[:p.fillAt]) // a client that went away is nobody's error here
	p.writeFill(w)
	w.Write(p.body[p.fillAt:])
	if z != nil {
		z.Close()
	}
}

func (p *reply) writeFill(w io.Writer) {
	if p.fill == 0 {
		return
	}
	piece := bytes.Repeat([]byte{p.filler}, int(min(p.fill, 64<<10)))
	for left := p.fill; left > 0; left -= int64(len(piece)) {
		if _, err := w.Write(piece[:min(left, int64(len(piece)))]); err != nil {
			return // nobody reads it any more
		}
	}
}

// pack compresses the body where the simulator does, which is under its data
// alone, and the client asks for it. A giant is compressed only while it is sent.
func (p *reply) pack(k *strike) {
	compresses := k.server.cfg.Gzip && strings.HasPrefix(k.r.URL.Path, "/v3.") && strings.HasPrefix(p.header.Get("Content-Type"), "application/json")
	if !compresses || p.packed || p.status != http.StatusOK {
		return
	}
	p.header.Set("Vary", "Accept-Encoding")
	if !acceptsGzip(nil, k.r) {
		return
	}
	p.header.Set("Content-Encoding", "gzip")
	if p.fill == 0 {
		var packed bytes.Buffer
		compress(&packed, p.body)
		p.body, p.fillAt, p.packed = packed.Bytes(), 0, true
	}
}

func acceptsGzip(_ *Fault, r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

// begin sends status and headers. What is not a chunked or a closing answer has
// its length announced, be the body then as long or not.
func (p *reply) begin(w http.ResponseWriter, framing string, length int64) {
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	unknown := p.header.Get("Content-Encoding") == "gzip" && !p.packed
	switch {
	case framing == "close":
		h.Set("Transfer-Encoding", "identity") // net/http's sign for a body that the connection's end ends
	case framing == "chunked" || unknown:
	case p.status != http.StatusNoContent && p.status != http.StatusNotModified && p.status >= 200:
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.WriteHeader(p.status)
	if framing == "chunked" {
		flush(w) // before net/http can see how long a short body is
	}
}

// flush sends what was written. A writer that cannot has nobody who waits.
func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
