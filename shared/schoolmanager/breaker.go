package schoolmanager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"cleversync/shared/roster"
)

// Cause says which limit was exceeded.
type Cause string

// The causes. A change of options that nobody has confirmed withholds what it
// would remove, however little it is.
const (
	TooManyRemovals   Cause = "removals"
	TooManyInAWeek    Cause = "week"
	TooManyUpdates    Cause = "updates"
	SamePeopleAgain   Cause = "creates"
	OptionUnconfirmed Cause = "unconfirmed"
)

// Kinds as the breaker sees them: students and teachers apart.
const (
	pupils   = "student"
	teaching = "teacher"
)

// Trip is one limit that was exceeded: Count changes of Size applied rows. An
// empty school means the whole tenant.
type Trip struct {
	Kind   string
	School string
	Cause  Cause
	Count  int64
	Size   int64
}

// unit is what a limit holds for.
type unit struct{ kind, school string }

// tally is what a plan would do to a unit.
type tally struct {
	removed, added, created, updated int64
	// size is the number of applied rows, known where sized.
	size  int64
	sized bool
}

// lost are the rows that the unit has fewer: a class that closes while another
// opens is none.
func (t tally) lost() int64 { return max(0, t.removed-t.added) }

// lately is what earlier runs removed of a unit within a week, and the largest
// size that it was known to have.
type lately struct{ removed, largest int64 }

// week is how far back a slow bleed is looked for.
const week = 7 * 24 * time.Hour

// breaker withholds what is too much to be true. It looks at each kind's change
// rows once they are written and before those of the kinds that hang on them,
// so that what hangs on a withheld row is withheld with it. It counts applied
// rows only where more is removed than a limit's number, at the schools
// concerned: on most nights it reads the change rows and nothing else.
type breaker struct {
	tx     pgx.Tx
	args   pgx.NamedArgs
	in     PlanInput
	limits roster.Limits
	// first: there was no run before, so every update is the first.
	first bool
	// silent lets everything through and only remembers what is removed;
	// approved is how it remembers that.
	silent, approved bool
	week             map[unit]lately
	trips            []Trip
}

func newBreaker(ctx context.Context, tx pgx.Tx, in PlanInput, s survey, args pgx.NamedArgs) (*breaker, error) {
	b := &breaker{tx: tx, args: args, in: in, limits: in.Limits.OrDefault(), first: s.previous == nil}
	args["parents_on"], args["classrooms_on"] = in.Options.Parents, in.Options.Classrooms
	args["unconfirmed"] = in.Unconfirmed
	var err error
	b.week, err = removedLately(ctx, tx, in)
	return b, err
}

// removedLately reads what completed runs removed. What a person approved does
// not count, and the days before it neither.
func removedLately(ctx context.Context, tx pgx.Tx, in PlanInput) (map[unit]lately, error) {
	rows, err := tx.Query(ctx, `
		SELECT m.kind, m.school, sum(m.removed)::bigint, coalesce(max(m.size), 0)
		FROM sync.removals m
		JOIN sync.runs r ON r.id = m.run_id
		WHERE m.tenant_id = $1
		  AND m.at > now() - $2::interval
		  AND NOT m.approved
		  AND r.state = 'completed'
		  AND m.at > coalesce((SELECT max(a.at)
		                       FROM sync.removals a
		                       WHERE a.tenant_id = $1
		                         AND a.kind = m.kind
		                         AND a.school = m.school
		                         AND a.approved), '-infinity')
		GROUP BY m.kind, m.school`, in.Tenant, week)
	if err != nil {
		return nil, fmt.Errorf("read removals of the week: %w", err)
	}
	found := map[unit]lately{}
	var u unit
	var l lately
	_, err = pgx.ForEachRow(rows, []any{&u.kind, &u.school, &l.removed, &l.largest}, func() error {
		found[u] = l
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read removals of the week: %w", err)
	}
	return found, nil
}

// watch looks at the change rows of a kind, withholds what exceeds a limit, and
// remembers what is removed.
func (b *breaker) watch(ctx context.Context, g guard) error {
	if err := b.confirm(ctx, g); err != nil {
		return err
	}
	tallies, err := b.count(ctx, g)
	if err != nil || len(tallies) == 0 {
		return err
	}
	if b.silent {
		return b.remember(ctx, tallies)
	}
	if err := b.measure(ctx, g, tallies); err != nil {
		return err
	}
	trips := b.judge(g, tallies)
	if len(trips) > 0 {
		b.trips = append(b.trips, trips...)
		if err := b.withhold(ctx, g, trips); err != nil {
			return err
		}
		sizes := tallies
		if tallies, err = b.count(ctx, g); err != nil {
			return err
		}
		for u, t := range tallies {
			t.size, t.sized = sizes[u].size, sizes[u].sized
			tallies[u] = t
		}
	}
	return b.remember(ctx, tallies)
}

// after looks at a kind whose change rows are written, and at what hangs on
// withheld people.
func (b *breaker) after(ctx context.Context, kind roster.Kind) error {
	switch kind {
	case roster.KindSchool:
		return b.confirm(ctx, guardSchools())
	case roster.KindUser:
		return b.watch(ctx, guardUsers())
	case roster.KindParent:
		if err := b.hanging(ctx, withholdTheirParents, reviewParents); err != nil {
			return err
		}
		return b.watch(ctx, guardParents())
	case roster.KindClassroom:
		return b.watch(ctx, guardClassrooms())
	case roster.KindMembership:
		if err := b.hanging(ctx, members.sql(reviewEdges)); err != nil {
			return err
		}
		return b.watch(ctx, guardMembers())
	case roster.KindLink:
		if err := b.hanging(ctx, links.sql(reviewEdges)); err != nil {
			return err
		}
		return b.watch(ctx, guardLinks())
	}
	return nil
}

// hanging gives what hangs on withheld people into the same hands.
func (b *breaker) hanging(ctx context.Context, statements ...string) error {
	if len(b.trips) == 0 {
		return nil
	}
	for _, statement := range statements {
		if _, err := b.tx.Exec(ctx, statement, b.args); err != nil {
			return fmt.Errorf("withhold what hangs on withheld people: %w", err)
		}
	}
	return nil
}

// confirm withholds what a change of options removes that nobody has confirmed.
func (b *breaker) confirm(ctx context.Context, g guard) error {
	if b.silent || !b.in.Unconfirmed || g.dropped == "" {
		return nil
	}
	tag, err := b.tx.Exec(ctx, g.dropped, b.args)
	if err != nil {
		return fmt.Errorf("withhold unconfirmed removals of %s: %w", g.what, err)
	}
	if n := tag.RowsAffected(); n > 0 {
		b.trips = append(b.trips, Trip{Kind: g.what, Cause: OptionUnconfirmed, Count: n})
	}
	return nil
}

func (b *breaker) count(ctx context.Context, g guard) (map[unit]tally, error) {
	rows, err := b.tx.Query(ctx, g.tallies, b.args)
	if err != nil {
		return nil, fmt.Errorf("count changes of %s: %w", g.what, err)
	}
	tallies := map[unit]tally{}
	var u unit
	var t tally
	_, err = pgx.ForEachRow(rows, []any{&u.kind, &u.school, &t.removed, &t.added, &t.created, &t.updated}, func() error {
		tallies[u] = t
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count changes of %s: %w", g.what, err)
	}
	return tallies, nil
}

// measure counts the applied rows of the units that may exceed a limit.
func (b *breaker) measure(ctx context.Context, g guard, tallies map[unit]tally) error {
	var schools []string
	for u, t := range tallies {
		lost := t.lost() + b.week[u].removed
		if t.lost() > 0 && lost > g.floor(b.limits) || t.updated > b.limits.UpdateRows && !b.first {
			schools = append(schools, u.school)
		}
	}
	if len(schools) == 0 {
		return nil
	}
	slices.Sort(schools)
	b.args["measured"] = slices.Compact(schools)
	rows, err := b.tx.Query(ctx, g.sizes, b.args)
	if err != nil {
		return fmt.Errorf("count applied %s: %w", g.what, err)
	}
	for _, school := range schools { // where nothing is applied, the size is known to be none
		for u, t := range tallies {
			if u.school == school {
				t.sized = true
				tallies[u] = t
			}
		}
	}
	var u unit
	var size int64
	_, err = pgx.ForEachRow(rows, []any{&u.kind, &u.school, &size}, func() error {
		if t, ok := tallies[u]; ok {
			t.size = size
			tallies[u] = t
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count applied %s: %w", g.what, err)
	}
	return nil
}

// judge compares with the limits.
func (b *breaker) judge(g guard, tallies map[unit]tally) []Trip {
	var trips []Trip
	exceeds := func(n, floor int64, share float64, of int64) bool { return n > floor && float64(n) > share*float64(of) }
	for u, t := range tallies {
		if !t.sized {
			continue
		}
		trip := func(cause Cause, n, size int64) { trips = append(trips, Trip{u.kind, u.school, cause, n, size}) }
		floor, lost, before := g.floor(b.limits), t.lost(), b.week[u]
		inWeek, largest := before.removed+lost, max(before.largest, t.size)
		withheld := true
		switch {
		case exceeds(lost, floor, b.limits.Removals, t.size):
			trip(TooManyRemovals, lost, t.size)
		case lost > 0 && exceeds(inWeek, floor, b.limits.Week, largest):
			trip(TooManyInAWeek, inWeek, largest)
		default:
			withheld = false
		}
		if withheld && float64(t.created) > b.limits.Creates*float64(t.size) {
			trip(SamePeopleAgain, t.created, t.size)
		}
		if !b.first && exceeds(t.updated, b.limits.UpdateRows, b.limits.Updates, t.size) {
			trip(TooManyUpdates, t.updated, t.size)
		}
	}
	slices.SortFunc(trips, func(a, b Trip) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.School, b.School), cmp.Compare(a.Cause, b.Cause))
	})
	return trips
}

// withhold turns change rows into withheld ones. Where the tenant's own limit
// is exceeded its schools need not be looked at.
func (b *breaker) withhold(ctx context.Context, g guard, trips []Trip) error {
	whole := map[[2]string]bool{}
	for _, t := range trips {
		if t.School == "" {
			whole[[2]string{t.Kind, t.Cause.op()}] = true
		}
	}
	var kinds, schools, ops []string
	for _, t := range trips {
		if t.School != "" && whole[[2]string{t.Kind, t.Cause.op()}] {
			continue
		}
		kinds, schools, ops = append(kinds, t.Kind), append(schools, t.School), append(ops, t.Cause.op())
	}
	b.args["trip_kinds"], b.args["trip_schools"], b.args["trip_ops"] = kinds, schools, ops
	for _, statement := range g.withhold {
		if _, err := b.tx.Exec(ctx, statement, b.args); err != nil {
			return fmt.Errorf("withhold %s: %w", g.what, err)
		}
	}
	return nil
}

// op is the operation that a cause withholds.
func (c Cause) op() string {
	switch c {
	case TooManyUpdates:
		return "update"
	case SamePeopleAgain:
		return "create"
	}
	return "archive"
}

// remember stores what this run removes, for the nights to come.
func (b *breaker) remember(ctx context.Context, tallies map[unit]tally) error {
	var kinds, schools []string
	var removed []int64
	var sizes []*int64
	for u, t := range tallies {
		if t.lost() == 0 {
			continue
		}
		kinds, schools, removed = append(kinds, u.kind), append(schools, u.school), append(removed, t.lost())
		var size *int64
		if t.sized {
			size = &t.size
		}
		sizes = append(sizes, size)
	}
	if len(kinds) == 0 {
		return nil
	}
	_, err := b.tx.Exec(ctx, `
		INSERT INTO sync.removals (run_id, tenant_id, kind, school, removed, size, approved)
		SELECT $1, $2, kind, school, removed, size, $7
		FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS r (kind, school, removed, size)`,
		b.in.Run, b.in.Tenant, kinds, schools, removed, sizes, b.approved)
	if err != nil {
		return fmt.Errorf("remember removals: %w", err)
	}
	return nil
}

// report stores why changes were withheld.
func (b *breaker) report(ctx context.Context) error {
	for _, t := range b.trips {
		_, err := b.tx.Exec(ctx, `
			INSERT INTO sync.trips (run_id, tenant_id, kind, school, cause, count, size)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, b.in.Run, b.in.Tenant, t.Kind, t.School, t.Cause, t.Count, t.Size)
		if err != nil {
			return fmt.Errorf("store trip of %s: %w", t.Kind, err)
		}
	}
	return nil
}
