package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ErrNoLogin says that there is no such log-in, or none for whoever asks: no
// longer, not in this browser, not of this tenant.
var ErrNoLogin = errors.New("no such log-in")

// LoginPurpose is what a log-in at Clever is for.
type LoginPurpose string

// The purposes.
const (
	// LoginDistrict connects a tenant to the district of its administrator.
	LoginDistrict LoginPurpose = "district"
	// LoginSchool finds the school of anybody who is at one.
	LoginSchool LoginPurpose = "school"
	// LoginIdentify is a log-in that began at Clever: its person is told who
	// they are and what to do.
	LoginIdentify LoginPurpose = "identify"
)

// LoginState is how far a log-in has come.
type LoginState string

// The states. The last four are final, but a refused one may be tried again by
// the browser it is bound to.
const (
	LoginWaiting    LoginState = "waiting"    // for a browser
	LoginStarted    LoginState = "started"    // the browser is at Clever
	LoginAsking     LoginState = "asking"     // it came back; Clever is asked who it is
	LoginConfirming LoginState = "confirming" // for the person's consent
	LoginConnected  LoginState = "connected"
	LoginSelected   LoginState = "selected" // the schools found are selected
	LoginIdentified LoginState = "identified"
	LoginRefused    LoginState = "refused" // Code says why
)

// Login is one log-in at Clever, for one browser and at most an hour. It holds
// no name of a person and no secret.
type Login struct {
	ID uuid.UUID
	// Tenant is zero for LoginIdentify.
	Tenant  uuid.UUID
	Purpose LoginPurpose
	State   LoginState
	// StartedBy is the name of the token that asked for it.
	StartedBy  string
	ByOperator bool
	Restarts   int
	CreatedAt  time.Time
	ExpiresAt  time.Time
	// Expired is by the clock of the database, and says nothing once the log-in
	// has ended.
	Expired bool
	// Stalled says that whoever asked Clever has not come back for so long that
	// it never will.
	Stalled bool
	Code    string
	// PersonType is the role of whoever logged in, as Clever calls it.
	PersonType             string
	District, DistrictName string
	// Schools are granted ones where the person is.
	Schools []string
}

const loginColumns = `id, tenant_id, purpose, state, started_by, by_operator, restarts, created_at, expires_at,
	ended_at IS NULL AND expires_at <= now(), state = 'asking' AND used_at < now() - interval '1 minute',
	code, person_type, district_id, district_name, schools`

// The times of a log-in: for its ticket, for the way to Clever and back, for
// the person's consent, and in all however often it is tried again.
const (
	loginTicketFor  = `interval '10 minutes'`
	loginConsentFor = `interval '30 minutes'`
	loginLongest    = `interval '1 hour'`
)

// NewLogin is a log-in before it is stored.
type NewLogin struct {
	ID, Tenant uuid.UUID
	Purpose    LoginPurpose
	StartedBy  string
	ByOperator bool
	TicketHash []byte
}

// CreateLogin stores a log-in that waits for a browser with its ticket.
func CreateLogin(ctx context.Context, q Querier, l NewLogin) (Login, error) {
	rows, err := q.Query(ctx, `
		INSERT INTO sync.clever_logins (id, tenant_id, purpose, state, started_by, by_operator, ticket_hash, expires_at)
		VALUES ($1, $2, $3, 'waiting', $4, $5, $6, now() + `+loginTicketFor+`)
		RETURNING `+loginColumns, l.ID, l.Tenant, l.Purpose, l.StartedBy, l.ByOperator, l.TicketHash)
	return oneLogin(rows, err, "create")
}

// CreateStrangersLogin stores a log-in that began at Clever, for the browser
// that brought it.
func CreateStrangersLogin(ctx context.Context, q Querier, id uuid.UUID, browser, state []byte) error {
	_, err := q.Exec(ctx, `
		INSERT INTO sync.clever_logins (id, purpose, state, browser_hash, state_hash, started_at, expires_at)
		VALUES ($1, 'identify', 'started', $2, $3, now(), now() + `+loginTicketFor+`)`, id, browser, state)
	if err != nil {
		return fmt.Errorf("create log-in: %w", err)
	}
	return nil
}

// CountLogins tells how many log-ins a tenant has begun within the time.
func CountLogins(ctx context.Context, q Querier, tenant uuid.UUID, within time.Duration) (int, error) {
	var n int
	err := q.QueryRow(ctx, `
		SELECT count(*)
		FROM sync.clever_logins
		WHERE tenant_id = $1
		  AND created_at > now() - $2::interval`, tenant, within).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count log-ins of %s: %w", tenant, err)
	}
	return n, nil
}

// ReadLogin gives a log-in of a tenant, or ErrNoLogin.
func ReadLogin(ctx context.Context, q Querier, tenant, id uuid.UUID) (Login, error) {
	rows, err := q.Query(ctx, `
		SELECT `+loginColumns+`
		FROM sync.clever_logins
		WHERE id = $1
		  AND tenant_id = $2`, id, tenant)
	return oneLogin(rows, err, "read")
}

// FindTicket gives the log-in that a ticket opens and that nobody has used it
// for yet, or ErrNoLogin.
func FindTicket(ctx context.Context, q Querier, ticket []byte) (Login, error) {
	rows, err := q.Query(ctx, `
		SELECT `+loginColumns+`
		FROM sync.clever_logins
		WHERE ticket_hash = $1
		  AND state = 'waiting'
		  AND expires_at > now()`, ticket)
	return oneLogin(rows, err, "find")
}

// StartLogin uses a ticket up and binds its log-in to a browser. Of several who
// have the ticket one gets the log-in, and the others ErrNoLogin.
func StartLogin(ctx context.Context, q Querier, ticket, browser, state []byte) (Login, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.clever_logins
		SET state = 'started',
		    browser_hash = $2,
		    state_hash = $3,
		    started_at = now()
		WHERE ticket_hash = $1
		  AND state = 'waiting'
		  AND expires_at > now()
		RETURNING `+loginColumns, ticket, browser, state)
	return oneLogin(rows, err, "start")
}

// LoginOfTicket and LoginOfBrowser find a log-in for the browser that it is
// bound to, however it stands; ErrNoLogin for any other.
func LoginOfTicket(ctx context.Context, q Querier, ticket, browser []byte) (Login, error) {
	rows, err := q.Query(ctx, `
		SELECT `+loginColumns+`
		FROM sync.clever_logins
		WHERE ticket_hash = $1
		  AND browser_hash = $2`, ticket, browser)
	return oneLogin(rows, err, "find")
}

// LoginOfBrowser finds a log-in by its id, see LoginOfTicket.
func LoginOfBrowser(ctx context.Context, q Querier, id uuid.UUID, browser []byte) (Login, error) {
	rows, err := q.Query(ctx, `
		SELECT `+loginColumns+`
		FROM sync.clever_logins
		WHERE id = $1
		  AND browser_hash = $2`, id, browser)
	return oneLogin(rows, err, "find")
}

// LoginOfState finds a log-in by the state that Clever brought back, see
// LoginOfTicket.
func LoginOfState(ctx context.Context, q Querier, state, browser []byte) (Login, error) {
	rows, err := q.Query(ctx, `
		SELECT `+loginColumns+`
		FROM sync.clever_logins
		WHERE state_hash = $1
		  AND browser_hash = $2`, state, browser)
	return oneLogin(rows, err, "find")
}

// UseState uses the answer of Clever up, for the browser that the log-in is
// bound to. Whoever gets the log-in, and nobody else, may exchange the code.
func UseState(ctx context.Context, q Querier, state, browser []byte) (Login, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.clever_logins
		SET state = 'asking',
		    used_at = now(),
		    expires_at = now() + `+loginConsentFor+`
		WHERE state_hash = $1
		  AND browser_hash = $2
		  AND state = 'started'
		  AND used_at IS NULL
		  AND expires_at > now()
		RETURNING `+loginColumns, state, browser)
	return oneLogin(rows, err, "use")
}

// RestartLogin sends the browser to Clever once more, with a new state: after a
// refusal, or when the answer to the last one was lost. What an earlier answer
// told is forgotten.
func RestartLogin(ctx context.Context, q Querier, id uuid.UUID, browser, state []byte) (Login, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.clever_logins
		SET state = 'started',
		    state_hash = $3,
		    restarts = 0,
		    used_at = NULL,
		    ended_at = NULL,
		    code = '',
		    person_type = '',
		    district_id = '',
		    district_name = '',
		    schools = '{}',
		    expires_at = least(now() + `+loginTicketFor+`, created_at + `+loginLongest+`)
		WHERE id = $1
		  AND browser_hash = $2
		  AND created_at + `+loginLongest+` > now()
		  AND (state IN ('started', 'refused', 'confirming')
		       OR (state = 'asking' AND used_at < now() - interval '1 minute'))
		RETURNING `+loginColumns, id, browser, state)
	return oneLogin(rows, err, "restart")
}

// RestartUnderway is RestartLogin for a browser that comes with a log-in begun
// at Clever while one of ours is under way in it. It works once between two
// clicks of a person, so that no two sites can send a browser around for ever.
func RestartUnderway(ctx context.Context, q Querier, browser, state []byte) (Login, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.clever_logins
		SET state_hash = $2,
		    restarts = restarts + 1
		WHERE browser_hash = $1
		  AND state = 'started'
		  AND used_at IS NULL
		  AND expires_at > now()
		  AND purpose <> 'identify'
		  AND restarts = 0
		RETURNING `+loginColumns, browser, state)
	return oneLogin(rows, err, "restart")
}

// Underway tells whether a log-in of this browser is under way at Clever.
func Underway(ctx context.Context, q Querier, browser []byte) (bool, error) {
	var underway bool
	err := q.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1
		               FROM sync.clever_logins
		               WHERE browser_hash = $1
		                 AND state = 'started'
		                 AND expires_at > now())`, browser).Scan(&underway)
	if err != nil {
		return false, fmt.Errorf("look for a log-in under way: %w", err)
	}
	return underway, nil
}

// LoginFinding is what Clever told of the person who logged in.
type LoginFinding struct {
	// State is LoginConfirming or LoginIdentified; LoginRefused with Code.
	State                              LoginState
	Code                               string
	PersonType, District, DistrictName string
	Schools                            []string
}

// DecideLogin stores what came of asking Clever. False says that the log-in
// went on without it: it was tried again meanwhile.
func DecideLogin(ctx context.Context, q Querier, id uuid.UUID, state []byte, f LoginFinding) (bool, error) {
	tag, err := q.Exec(ctx, `
		UPDATE sync.clever_logins
		SET state = $3::text,
		    code = $4,
		    person_type = $5,
		    district_id = $6,
		    district_name = $7,
		    schools = $8,
		    ended_at = CASE WHEN $3::text = 'confirming' THEN NULL ELSE now() END
		WHERE id = $1
		  AND state_hash = $2
		  AND state = 'asking'`, id, state, f.State, f.Code, f.PersonType, f.District, f.DistrictName, list(f.Schools))
	if err != nil {
		return false, fmt.Errorf("decide log-in %s: %w", id, err)
	}
	return tag.RowsAffected() == 1, nil
}

// ConfirmLogin ends a log-in by the consent of the person in its browser. Its
// caller does in the same transaction what was consented to. Of two who consent
// at once one gets the log-in, and the other ErrNoLogin.
func ConfirmLogin(ctx context.Context, q Querier, id uuid.UUID, browser []byte, to LoginState) (Login, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.clever_logins
		SET state = $3,
		    confirmed_at = now(),
		    ended_at = now()
		WHERE id = $1
		  AND browser_hash = $2
		  AND state = 'confirming'
		  AND expires_at > now()
		RETURNING `+loginColumns, id, browser, to)
	return oneLogin(rows, err, "confirm")
}

// RefuseLogin ends a log-in that waits for consent without it.
func RefuseLogin(ctx context.Context, q Querier, id uuid.UUID, browser []byte, code string) (Login, error) {
	rows, err := q.Query(ctx, `
		UPDATE sync.clever_logins
		SET state = 'refused',
		    code = $3,
		    ended_at = now()
		WHERE id = $1
		  AND browser_hash = $2
		  AND state = 'confirming'
		RETURNING `+loginColumns, id, browser, code)
	return oneLogin(rows, err, "refuse")
}

// PruneLogins deletes up to limit log-ins of which nobody can make anything any
// more, and tells how many went. They stay for a day, for whoever asks what
// came of one.
func PruneLogins(ctx context.Context, q Querier, limit int) (int, error) {
	tag, err := q.Exec(ctx, `
		DELETE FROM sync.clever_logins
		WHERE id = ANY (ARRAY(SELECT id
		                      FROM sync.clever_logins
		                      WHERE expires_at < now() - interval '1 day'
		                      ORDER BY expires_at
		                      LIMIT $1
		                      FOR UPDATE SKIP LOCKED))`, limit)
	if err != nil {
		return 0, fmt.Errorf("delete old log-ins: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

func oneLogin(rows pgx.Rows, err error, doing string) (Login, error) {
	if err != nil {
		return Login{}, fmt.Errorf("%s log-in: %w", doing, err)
	}
	l, err := pgx.CollectExactlyOneRow(rows, scanLogin)
	if errors.Is(err, pgx.ErrNoRows) {
		return Login{}, ErrNoLogin
	}
	if err != nil {
		return Login{}, fmt.Errorf("%s log-in: %w", doing, err)
	}
	return l, nil
}

func scanLogin(row pgx.CollectableRow) (Login, error) {
	var l Login
	var tenant *uuid.UUID
	err := row.Scan(&l.ID, &tenant, &l.Purpose, &l.State, &l.StartedBy, &l.ByOperator, &l.Restarts, &l.CreatedAt, &l.ExpiresAt,
		&l.Expired, &l.Stalled, &l.Code, &l.PersonType, &l.District, &l.DistrictName, &l.Schools)
	if tenant != nil {
		l.Tenant = *tenant
	}
	return l, err
}
