package clevertest

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// apiHeaders sets what api.clever.com was recorded to send with every answer.
func apiHeaders(h http.Header) {
	h.Set("Access-Control-Allow-Methods", "GET,PATCH,POST,DELETE")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "no-store")
	h.Set("Server", "envoy")
	h.Set("Strict-Transport-Security", "max-age=15552000; includeSubDomains")
	h.Set("X-Envoy-Upstream-Service-Time", strconv.Itoa(5+rand.IntN(40)))
	h.Set("X-Powered-By", "Express")
	h.Set("X-Request-Id", requestID())
}

func requestID() string {
	hi, lo := rand.Uint64(), rand.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x",
		hi>>32, hi>>16&0xffff, hi&0xfff, lo>>48&0x3fff|0x8000, lo&0xffffffffffff)
}

// send answers 200 with a body of JSON.
func (s *Server) send(w http.ResponseWriter, r *http.Request, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Etag", etag(body))
	if !s.cfg.Gzip {
		w.Write(body) // a client that went away is nobody's error here
		return
	}
	h.Set("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Write(body)
		return
	}
	h.Set("Content-Encoding", "gzip")
	compress(w, body)
}

var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // fails only on an unknown level
	return z
}}

func compress(w io.Writer, body []byte) {
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(w)
	z.Write(body)
	z.Close()
}

// etag has the shape of Express's weak tags; a checksum that the processor
// computes stands for its digest, which would cost more than the page.
func etag(body []byte) string {
	var sum [8]byte
	binary.BigEndian.PutUint64(sum[:], mix(uint64(crc32.ChecksumIEEE(body))))
	return fmt.Sprintf(`W/"%x-%s"`, len(body), base64.RawStdEncoding.EncodeToString(sum[:]))
}

// message answers an error as Clever's schema of errors says.
func message(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(append(field(nil, `{"message":`, text), '}'))
}

// notRouted answers a path that Clever does not know: with Express's page of
// HTML, not with JSON.
func notRouted(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n"+
		"<body>\n<pre>Cannot %s %s</pre>\n</body>\n</html>\n", r.Method, html.EscapeString(r.URL.Path))
}
