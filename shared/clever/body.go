package clever

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"cleversync/shared/fault"
)

// body reads the body of an answer within its bounds: bytes in all, bytes of
// the value being decoded, and time without any byte. The bounds count after
// decompression, so that a small answer cannot unpack into a large one.
type body struct {
	buffered *bufio.Reader
	wire     wire
	html     bool
	// framed tells that a clean end of the body proves that all of it came:
	// its length was announced, or its end was marked.
	framed bool

	// taken counts bytes given to the decoder, began is where its current
	// value starts; their difference is what the decoder holds.
	taken, began int64
	maxValue     int64
	tooLarge     bool
}

// wire is the body beneath the buffer.
type wire struct {
	from     io.Reader
	idle     time.Duration
	timer    *time.Timer
	waited   time.Duration
	read     int64
	max      int64
	err      error
	tooLarge bool
}

// bufferSize keeps reads from the network, and with them the resetting of the
// idle timer, far fewer than the decoder's own small ones.
const bufferSize = 32 << 10

func newBody(resp *http.Response, limits bounds, cancel context.CancelCauseFunc) *body {
	b := &body{
		maxValue: limits.maxValue,
		html:     strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html"),
		framed:   resp.ContentLength >= 0 || resp.Uncompressed || resp.ProtoMajor > 1 || len(resp.TransferEncoding) > 0,
	}
	timer := time.AfterFunc(limits.idle, func() { cancel(errIdle) })
	timer.Stop()
	b.wire = wire{from: resp.Body, idle: limits.idle, timer: timer, max: limits.maxBody}
	b.buffered = bufio.NewReaderSize(&b.wire, bufferSize)
	return b
}

// Read gives bytes to the decoder while its current value is small enough. The
// decoder asks only once it has gone through all that it was given.
func (b *body) Read(p []byte) (int, error) {
	if b.taken-b.began >= b.maxValue {
		b.tooLarge = true
		return 0, errTooLarge
	}
	n, err := b.buffered.Read(p)
	b.taken += int64(n)
	return n, err
}

// Read gives bytes of the body. The idle timer runs only in here: the time
// that the reader takes for itself between two reads is not Clever's.
func (w *wire) Read(p []byte) (int, error) {
	began := time.Now()
	w.timer.Reset(w.idle)
	n, err := w.from.Read(p[:min(int64(len(p)), w.max+1-w.read)])
	w.timer.Stop()
	w.waited += time.Since(began)
	w.read += int64(n)
	if w.read > w.max {
		w.tooLarge = true
		return 0, errTooLarge
	}
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// errTooLarge ends the reading of a body or a value beyond its bound.
var errTooLarge = errors.New("larger than allowed")

// passedOn carries an error through explain unchanged.
type passedOn struct{ error }

// passOn marks an error that the reader of a body wants to get back as it is.
func passOn(err error) error {
	if err == nil {
		return nil
	}
	return passedOn{err}
}

// explain makes of an error while reading the body what the caller of the
// client gets. A body that was cut on its way is Clever being unavailable, and
// will probably be whole the next time; a body that came whole and makes no
// sense is a bad response.
func (b *body) explain(ctx context.Context, endpoint string, err error) error {
	if passed, ok := errors.AsType[passedOn](err); ok {
		return passed.error
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f
	}
	switch {
	case b.wire.tooLarge:
		return fault.New(fault.CleverBadResponse, "the answer for %s is larger than %d bytes", endpoint, b.wire.max)
	case b.tooLarge:
		return fault.New(fault.CleverBadResponse, "a record in the answer for %s is larger than %d bytes", endpoint, b.maxValue)
	case b.wire.err != nil && isCorrupt(b.wire.err):
		return fault.New(fault.CleverBadResponse, "the compressed answer for %s is damaged", endpoint)
	case b.wire.err != nil:
		return unreachable(ctx, endpoint, b.wire.err)
	case !b.framed && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		return unreachable(ctx, endpoint, io.ErrUnexpectedEOF)
	case b.html:
		return fault.New(fault.CleverBadResponse, "HTML instead of JSON came for %s", endpoint)
	}
	// The decoder's own error may quote the body.
	return fault.New(fault.CleverBadResponse, "the answer for %s is no JSON of the known form (near byte %d)", endpoint, b.began)
}

// isCorrupt tells whether decompression met bytes that no compressor wrote. A
// compressed body that merely ends early is cut, not corrupt.
func isCorrupt(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	_, internal := errors.AsType[flate.InternalError](err)
	return corrupt || internal || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}
