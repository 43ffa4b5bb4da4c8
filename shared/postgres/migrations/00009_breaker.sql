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

-- +goose StatementBegin
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['sync.removals', 'sync.trips'] LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO cleversync_sync', t);
    EXECUTE format('GRANT SELECT ON %s TO cleversync_tenant', t);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY everything ON %s TO cleversync_sync USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY own ON %s TO cleversync_tenant USING (tenant_id = NULLIF(current_setting(''cleversync.tenant'', true), '''')::uuid)', t);
  END LOOP;
END $$;
-- +goose StatementEnd
