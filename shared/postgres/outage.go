package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// IsOutage tells whether an error means that Postgres is away, going down, full
// or too busy, so that the same work may succeed a little later, as opposed to
// a statement that it refuses for good.
func IsOutage(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return outageCode(e.Code)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed")
}

// outageCode knows the SQLSTATEs: lost connections, resources that ran out, an
// administrator's stop, locks and statements that took too long, and
// transactions that another one made impossible.
func outageCode(code string) bool {
	for _, class := range []string{"08", "53", "57P", "58", "40"} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return code == "55P03" || code == "57014" || code == "25P03"
}
