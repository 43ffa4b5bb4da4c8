-- The three schemas and the roles that use them. Roles belong to the whole
-- cluster, so they may exist already and may be made by two migrations at once.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE wanted text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('cleversync roles'));
  FOREACH wanted IN ARRAY ARRAY['cleversync_sync', 'cleversync_tenant', 'cleversync_app'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END LOOP;
  -- The owner hands tables of staging to cleversync_sync and needs to be a member for that.
  IF NOT pg_has_role(current_user, 'cleversync_sync', 'MEMBER') THEN
    EXECUTE format('GRANT cleversync_sync TO %I', current_user);
  END IF;
  IF NOT pg_has_role('cleversync_app', 'cleversync_sync', 'MEMBER') THEN
    GRANT cleversync_sync TO cleversync_app;
  END IF;
  IF NOT pg_has_role('cleversync_app', 'cleversync_tenant', 'MEMBER') THEN
    GRANT cleversync_tenant TO cleversync_app;
  END IF;
END $$;
-- +goose StatementEnd

CREATE SCHEMA IF NOT EXISTS sync;
CREATE SCHEMA staging;
CREATE SCHEMA school_manager;
GRANT USAGE ON SCHEMA sync, school_manager TO cleversync_sync, cleversync_tenant;
GRANT USAGE, CREATE ON SCHEMA staging TO cleversync_sync;

COMMENT ON SCHEMA sync IS 'What the sync remembers: tenants, connections, runs and their steps. The truth; the queue only delivers.';
COMMENT ON SCHEMA staging IS 'What a run has fetched and planned but not applied. UNLOGGED: a crash of Postgres empties it, and plan and apply look for that.';
COMMENT ON SCHEMA school_manager IS 'The roster store of School Manager.';
