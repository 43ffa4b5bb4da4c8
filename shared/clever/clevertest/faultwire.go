package clevertest

import (
	"cmp"
	"fmt"
	"html"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// status answers what the rule says, as something in front of Clever would.
func (k *strike) status() {
	p := k.bare(k.fault.Status)
	text := cmp.Or(k.fault.Text, http.StatusText(k.fault.Status), "fault")
	switch k.fault.Variant {
	case "json":
		p.header.Set("Content-Type", "application/json; charset=utf-8")
		p.body = append(field(nil, `{"message":`, text), '}')
	case "html":
		p.header.Set("Content-Type", "text/html; charset=utf-8")
		p.body = fmt.Appendf(nil, "<!DOCTYPE html>\n<html><head><title>Error</title></head>\n<body><pre>%s</pre></body></html>\n", html.EscapeString(text))
	default:
		p.header["Content-Type"] = nil // net/http would make one up
	}
	p.replaceHeaders(k.fault.Headers)
	p.packed = true // nothing in front of Clever was seen to compress
	p.send(k, true)
}

// bare is an answer without a body, with the headers that its host sends.
func (k *strike) bare(status int) *reply {
	p := newReply()
	p.status = status
	if strings.HasPrefix(k.r.URL.Path, "/v3.") {
		apiHeaders(p.header)
	}
	return p
}

func (p *reply) replaceHeaders(headers map[string][]string) {
	for name, values := range headers {
		p.header[http.CanonicalHeaderKey(name)] = values
	}
}

// rateLimit answers 429 as Clever does, whatever was used of the window.
func (k *strike) rateLimit() {
	p := k.bare(http.StatusTooManyRequests)
	p.header["Content-Type"] = nil
	now := time.Now()
	at := now.Add(cmp.Or(k.fault.Delay, window*time.Second))
	switch k.fault.Variant {
	case "past":
		at = now.Add(-time.Hour)
	case "far":
		at = now.Add(7 * 24 * time.Hour)
	}
	// The second bucket is not exhausted, and ends later.
	k.bucket(p, "Bucket", "bearer", "all")
	k.bucket(p, "Limit", "1200", "20000")
	k.bucket(p, "Remaining", "0", "18100")
	if k.fault.Variant != "absent" {
		k.bucket(p, "Reset", strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(at.Unix()+600, 10))
	}
	p.replaceHeaders(k.fault.Headers)
	p.send(k, true)
}

// bucket sets one of the x-ratelimit headers.
func (k *strike) bucket(p *reply, name, exhausted, other string) {
	switch name = "X-Ratelimit-" + name; k.fault.Buckets {
	case "repeated":
		p.header[name] = []string{exhausted, other}
	case "list":
		p.header[name] = []string{exhausted + ", " + other}
	default:
		p.header[name] = []string{exhausted}
	}
}

// headers changes those of the genuine answer.
func (k *strike) headers(p *reply) bool {
	p.replaceHeaders(k.fault.Headers)
	return true
}

// asItIs leaves the answer to the framing.
func (k *strike) asItIs(*reply) bool { return true }

// slowStart answers late, or never where the client has left.
func (k *strike) slowStart() {
	if k.wait(k.fault.Delay) {
		k.server.Answer(k.w, k.r)
	}
}

// drip sends the body bit by bit.
func (k *strike) drip() {
	p := k.genuine()
	p.pack(k)
	p.begin(k.w, k.fault.Framing, int64(len(p.body)))
	for body := p.body; len(body) > 0; {
		n := min(k.fault.Bytes, int64(len(body)))
		if _, err := k.w.Write(body[:n]); err != nil {
			return
		}
		flush(k.w)
		body = body[n:]
		if !k.wait(k.fault.Pause) {
			return
		}
	}
}

// stall stops in the body.
func (k *strike) stall() {
	k.sendPart()
	k.wait(k.fault.Delay)
	panic(http.ErrAbortHandler)
}

// sendPart sends the headers of the whole body, and of the body a part.
func (k *strike) sendPart() {
	p := k.genuine()
	p.pack(k)
	p.begin(k.w, k.fault.Framing, int64(len(p.body)))
	k.w.Write(p.body[:partOf(p.body, k.fault.Bytes)])
	flush(k.w)
}

// partOf is how much of a body a part is: never all of it.
func partOf(body []byte, want int64) int64 {
	n := int64(len(body))
	return max(0, min(cmp.Or(want, n/2), n-1))
}

// cut ends the connection. Where it cannot be had, as with HTTP/2, the request
// alone is aborted, which is the same to who made it.
func (k *strike) cut() {
	switch k.fault.Variant {
	case "before", "in_headers":
	case "after_headers":
		p := k.genuine()
		p.pack(k)
		p.begin(k.w, k.fault.Framing, int64(len(p.body)))
		flush(k.w)
	default:
		k.sendPart()
	}
	conn, _, err := http.NewResponseController(k.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if k.fault.Variant == "in_headers" {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: applica")
	}
	if tcp, ok := conn.(*net.TCPConn); ok && k.fault.Reset {
		tcp.SetLinger(0) // closing then resets; if it cannot, the end is abrupt all the same
	}
	conn.Close()
}
