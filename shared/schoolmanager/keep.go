package schoolmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Life is how long kept changes wait for a person.
const Life = 14 * 24 * time.Hour

// KeepInput says whose changes are kept.
type KeepInput struct {
	Run, Tenant uuid.UUID
	// Preview keeps what would have been applied; otherwise what the breaker
	// has withheld is kept.
	Preview bool
}

// Keep stores changes that are not applied outside staging, for a person to
// decide about, with a digest of exactly these, and tells how many. It belongs
// into the transaction that ends the run, after Apply. What older runs have
// kept becomes void: it was about a roster that is no longer the newest. A
// preview replaces other previews only.
//
// Where the very same changes were rejected last, they are rejected again: a
// person who has said no is not asked every morning.
func Keep(ctx context.Context, tx pgx.Tx, in KeepInput) (int64, error) {
	args := pgx.NamedArgs{"run": in.Run, "tenant": in.Tenant, "preview": in.Preview, "life": Life, "purpose": "review"}
	if in.Preview {
		args["purpose"] = "preview"
	}
	if err := supersede(ctx, tx, args); err != nil {
		return 0, err
	}
	kept := keptRows()
	var changes int64
	var digest []byte
	err := tx.QueryRow(ctx, `
		WITH kept AS (`+kept+`)
		SELECT count(*), sha256(convert_to(coalesce(string_agg(said, E'\n' ORDER BY said), ''), 'UTF8'))
		FROM kept`, args).Scan(&changes, &digest)
	if err != nil {
		return 0, fmt.Errorf("digest kept changes: %w", err)
	}
	if changes == 0 {
		return 0, nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return 0, fmt.Errorf("make hold id: %w", err)
	}
	args["hold"], args["digest"], args["changes"] = id, digest, changes
	for _, statement := range []string{insertHold, `
		WITH kept AS (` + kept + `)
		INSERT INTO sync.held_changes (hold_id, place, tenant_id, kind, op, change)
		SELECT @hold, row_number() OVER (ORDER BY rank, said), @tenant, kind, op, change
		FROM kept`} {
		if _, err := tx.Exec(ctx, statement, args); err != nil {
			return 0, fmt.Errorf("keep %d changes: %w", changes, err)
		}
	}
	return changes, nil
}

func supersede(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) error {
	_, err := tx.Exec(ctx, `
		UPDATE sync.holds
		SET state = 'void'
		WHERE tenant_id = @tenant
		  AND state = 'open'
		  AND (NOT @preview OR purpose = 'preview')`, args)
	if err != nil {
		return fmt.Errorf("replace older held changes: %w", err)
	}
	return nil
}

const insertHold = `
	INSERT INTO sync.holds (id, tenant_id, run_id, purpose, digest, changes, expires_at, state, decided_at, decided_by)
	SELECT @hold, @tenant, @run, @purpose, @digest, @changes, now() + @life::interval,
	       CASE WHEN r.id IS NULL THEN 'open' ELSE 'rejected' END, r.decided_at, r.decided_by
	FROM (SELECT) AS one
	LEFT JOIN (SELECT id, state, digest, decided_at, decided_by
	           FROM sync.holds
	           WHERE tenant_id = @tenant
	             AND purpose = @purpose
	           ORDER BY id DESC
	           LIMIT 1) AS r ON r.state = 'rejected' AND r.digest = @digest`

// keptRows selects the kept change rows of all kinds: kind, the operation that
// was withheld, the row, and what it says without what differs from plan to
// plan, such as the id of a row that is not there yet.
func keptRows() string {
	const row = `
		SELECT {rank} AS rank, '{kind}' AS kind, {op} AS op,
		       to_jsonb(c) || jsonb_build_object('op', {op}, 'review', false) AS change,
		       concat_ws(' ', '{kind}', {op}, {said}) AS said
		FROM staging.{table} c
		WHERE c.run_id = @run
		  AND CASE WHEN @preview THEN c.op <> 'skip' AND c.op NOT LIKE 'hold%' ELSE c.review END`
	const op = `CASE c.op WHEN 'hold' THEN 'archive' WHEN 'hold_create' THEN 'create' WHEN 'hold_update' THEN 'update' ELSE c.op END`
	var parts []string
	add := func(kind, table, said string) {
		parts = append(parts, strings.NewReplacer("{rank}", fmt.Sprint(len(parts)), "{kind}", kind, "{table}", table, "{said}", said, "{op}", op).Replace(row))
	}
	for _, r := range records() {
		add(string(r.kind), r.changes, "c.clever_id, coalesce(c.hash_before::text, '-'), coalesce(c.hash::text, '-')")
	}
	for _, e := range edges() {
		add(string(e.kind), e.changes, each(e.keys(), "c.{}::text", ", ")+", coalesce(c."+e.value+"_before, '-'), coalesce(c."+e.value+", '-')")
	}
	return strings.Join(parts, " UNION ALL ")
}

// ErrHoldGone says that the kept changes of a run are no longer there.
var ErrHoldGone = errors.New("the held changes are gone")

// planKept makes the plan of a run that applies kept changes: exactly these,
// and what follows from them for memberships and links. They are not watched
// again; what they remove counts as approved where they were under review.
func planKept(ctx context.Context, tx pgx.Tx, in PlanInput) (Planned, error) {
	args := arguments(in)
	args["hold"], args["hold_all"] = *in.Hold, false
	var purpose string
	err := tx.QueryRow(ctx, `
		SELECT purpose
		FROM sync.holds
		WHERE id = @hold
		  AND tenant_id = @tenant
		  AND applied_by = @run`, args).Scan(&purpose)
	if errors.Is(err, pgx.ErrNoRows) {
		return Planned{}, ErrHoldGone
	}
	if err != nil {
		return Planned{}, fmt.Errorf("read held changes: %w", err)
	}
	b, err := newBreaker(ctx, tx, in, survey{}, args)
	if err != nil {
		return Planned{}, err
	}
	b.silent, b.approved = true, purpose == "review"
	if err := loadKept(ctx, tx, args, b, purpose == "preview"); err != nil {
		return Planned{}, err
	}
	var out Planned
	if out.Counts, out.Changes, err = countPlanned(ctx, tx, args); err != nil {
		return Planned{}, err
	}
	return out, storeCounts(ctx, tx, in.Run, in.Tenant, out.Counts)
}

// loadKept makes change rows of the kept ones, kind by kind, and lets edges
// follow, unless all of them were kept.
func loadKept(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, b *breaker, all bool) error {
	load := func(kind, table string) (int64, error) {
		args["kind"] = kind
		tag, err := tx.Exec(ctx, `
			INSERT INTO staging.`+table+`
			SELECT r.*
			FROM sync.held_changes h
			CROSS JOIN LATERAL jsonb_populate_record(NULL::staging.`+table+`, h.change || jsonb_build_object('run_id', @run::uuid)) AS r
			WHERE h.hold_id = @hold
			  AND h.tenant_id = @tenant
			  AND h.kind = @kind
			ORDER BY h.place`, args)
		if err != nil {
			return 0, fmt.Errorf("load held changes of %s: %w", kind, err)
		}
		return tag.RowsAffected(), nil
	}
	loaded := map[string]int64{}
	for _, r := range records() {
		n, err := load(string(r.kind), r.changes)
		if err != nil {
			return err
		}
		loaded[r.changes] = n
		if err := b.after(ctx, r.kind); err != nil {
			return err
		}
	}
	for _, e := range edges() {
		if _, err := load(string(e.kind), e.changes); err != nil {
			return err
		}
		if all {
			continue
		}
		if err := e.compare(ctx, tx, args, loaded[e.owners.changes], false, b); err != nil {
			return err
		}
	}
	return nil
}
