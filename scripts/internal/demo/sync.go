package main

import (
	"context"
	"net/http"
)

// syncAll runs the sync as often as asked for and puts together what came out. A run that fails is an outcome, too.
func (d *demo) syncAll(ctx context.Context) (*result, error) {
	first, firstWAL, err := d.syncOnce(ctx)
	if err != nil {
		return nil, err
	}
	outcome := newResult(d.tenant, first)
	if d.choices.runs == 1 || !outcome.good() {
		return outcome, nil
	}
	d.notef("the same once more")
	again, wal, err := d.syncOnce(ctx)
	if err != nil {
		return nil, err
	}
	outcome.Second = &second{
		result:            *newResult(d.tenant, again),
		RosterRowsWritten: again.Written, WALBytes: wal, FirstWALBytes: firstWAL,
	}
	return outcome, nil
}

// syncOnce starts a run through the API and follows it to its end. With two runs it also tells how much Postgres wrote to
// its log meanwhile.
func (d *demo) syncOnce(ctx context.Context) (done apiRun, wal int64, err error) {
	var before int64
	measured := d.choices.runs > 1
	if measured {
		if before, err = d.services.quiet(ctx); err != nil {
			return apiRun{}, 0, err
		}
	}
	var started apiRun
	if err := d.api.do(ctx, http.MethodPost, d.runsPath(), nil, &started); err != nil {
		return apiRun{}, 0, err
	}
	d.notef("run %s is started", started.ID)
	view := d.newView()
	done, err = d.follow(ctx, started.ID, view.show)
	view.end()
	if err == nil && measured {
		var after int64
		after, err = d.services.walPosition(ctx)
		wal = after - before
	}
	return done, wal, err
}
