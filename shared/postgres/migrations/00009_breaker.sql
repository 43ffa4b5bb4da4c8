-- The breaker: what a run withholds until a person has looked at it.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
  t text;
  old text;
BEGIN
  FOREACH t IN ARRAY ARRAY['school_changes', 'user_changes', 'classroom_changes', 'parent_changes', 'member_changes', 'link_changes'] LOOP
    SELECT conname INTO STRICT old
    FROM pg_constraint
    WHERE conrelid = format('staging.%I', t)::regclass
      AND contype = 'c';
    EXECUTE format('ALTER TABLE staging.%I DROP CONSTRAINT %I', t, old);
    EXECUTE format('ALTER TABLE staging.%I ADD CONSTRAINT known_op CHECK (op IN (''create'', ''update'', ''archive'', ''restore'', ''skip'', ''hold'', ''hold_create'', ''hold_update''))', t);
    EXECUTE format('ALTER TABLE staging.%I ADD COLUMN review boolean NOT NULL DEFAULT false', t);
    EXECUTE format('COMMENT ON COLUMN staging.%I.op IS %L', t, 'hold, hold_create, hold_update: an archive, a create, an update that is withheld.');
    EXECUTE format('COMMENT ON COLUMN staging.%I.review IS %L', t, 'Withheld by the breaker, so that a person may let it through; else for want of proof, until a later run has it.');
  END LOOP;
END $$;
-- +goose StatementEnd

CREATE TABLE sync.removals (
  run_id    uuid NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES sync.tenants,
  kind      text COLLATE "C" NOT NULL,
  school    text COLLATE "C" NOT NULL,
  at        timestamptz NOT NULL DEFAULT now(),
  removed   bigint NOT NULL CHECK (removed > 0),
  size      bigint,
  approved  boolean NOT NULL DEFAULT false,
  PRIMARY KEY (run_id, kind, school)
);
CREATE INDEX removals_of_tenant ON sync.removals (tenant_id, at);
COMMENT ON TABLE sync.removals IS 'What each run removed, by which a slow bleed is noticed. It counts once the run has completed.';
COMMENT ON COLUMN sync.removals.school IS 'A Clever id; empty for the whole tenant.';
COMMENT ON COLUMN sync.removals.size IS 'Applied rows before the removal, where they were counted: few removals are not worth it.';

CREATE TABLE sync.trips (
  run_id    uuid NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES sync.tenants,
  kind      text COLLATE "C" NOT NULL,
  school    text COLLATE "C" NOT NULL,
  cause     text COLLATE "C" NOT NULL CHECK (cause IN ('removals', 'week', 'updates', 'creates', 'unconfirmed')),
  count     bigint NOT NULL,
  size      bigint NOT NULL,
  PRIMARY KEY (run_id, kind, school, cause)
);
COMMENT ON TABLE sync.trips IS 'Why the breaker of a run withheld changes.';
COMMENT ON COLUMN sync.trips.count IS 'Changes that exceeded the limit: of the week those of all its days.';

ALTER TABLE sync.connections ADD COLUMN confirmed boolean NOT NULL DEFAULT true;
GRANT UPDATE (confirmed) ON sync.connections TO cleversync_tenant;
COMMENT ON COLUMN sync.connections.confirmed IS 'A person has confirmed what the last change of options or schools removes; otherwise the next runs withhold it.';

CREATE TABLE sync.limits (
  tenant_id  uuid REFERENCES sync.tenants,
  name       text NOT NULL CHECK (name IN ('removals', 'rows', 'edges', 'week', 'updates', 'update_rows', 'creates')),
  value      double precision NOT NULL CHECK (value >= 0),
  expires_at timestamptz,
  set_by     text NOT NULL,
  set_at     timestamptz NOT NULL DEFAULT now(),
  UNIQUE NULLS NOT DISTINCT (tenant_id, name)
);
COMMENT ON TABLE sync.limits IS 'Limits of the breaker that somebody has set: a tenant''s own, or without a tenant the fleet''s.';

CREATE TABLE sync.holds (
  id          uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES sync.tenants,
  run_id      uuid NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
  purpose     text NOT NULL CHECK (purpose IN ('review', 'preview')),
  state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'rejected', 'void', 'expired')),
  digest      bytea NOT NULL,
  changes     bigint NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  decided_at  timestamptz,
  decided_by  text,
  applied_by  uuid REFERENCES sync.runs ON DELETE SET NULL,
  CONSTRAINT decided_by_somebody CHECK ((state IN ('approved', 'rejected')) = (decided_by IS NOT NULL))
);
CREATE UNIQUE INDEX holds_open ON sync.holds (tenant_id, purpose) WHERE state = 'open';
CREATE INDEX holds_of_tenant ON sync.holds (tenant_id, id);
CREATE INDEX holds_of_run ON sync.holds (run_id);
CREATE INDEX holds_expiring ON sync.holds (expires_at) WHERE state = 'open';
COMMENT ON TABLE sync.holds IS 'Changes that were planned and not applied: withheld for review, or a preview. A newer sync makes the older ones void.';
COMMENT ON COLUMN sync.holds.digest IS 'SHA-256 over the exact changes: a person decides about these and no others.';
COMMENT ON COLUMN sync.holds.applied_by IS 'The run that an approval has begun.';

CREATE TABLE sync.held_changes (
  hold_id   uuid NOT NULL REFERENCES sync.holds ON DELETE CASCADE,
  place     bigint NOT NULL,
  tenant_id uuid NOT NULL,
  kind      text COLLATE "C" NOT NULL,
  op        text COLLATE "C" NOT NULL,
  change    jsonb NOT NULL,
  PRIMARY KEY (hold_id, place)
);
COMMENT ON COLUMN sync.held_changes.change IS 'The change row as plan wrote it, personal data included: deleted with the hold''s end.';

-- +goose StatementBegin
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['sync.removals', 'sync.trips', 'sync.limits', 'sync.holds', 'sync.held_changes'] LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO cleversync_sync', t);
    EXECUTE format('GRANT SELECT ON %s TO cleversync_tenant', t);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY everything ON %s TO cleversync_sync USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY own ON %s TO cleversync_tenant USING (tenant_id = NULLIF(current_setting(''cleversync.tenant'', true), '''')::uuid)', t);
  END LOOP;
END $$;
-- +goose StatementEnd

-- A tenant's own people may reject; approving begins a run, which the programs do for them.
GRANT UPDATE (state, decided_at, decided_by, applied_by) ON sync.holds TO cleversync_tenant;
CREATE POLICY fleet ON sync.limits FOR SELECT TO cleversync_tenant USING (tenant_id IS NULL);
