-- Who may do what. Programs log in as cleversync_app, a member of both roles;
-- a request of a tenant's own people runs as cleversync_tenant in one
-- transaction with cleversync.tenant set, and sees that tenant alone.

-- +goose Up
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sync, school_manager TO cleversync_sync;
REVOKE INSERT, UPDATE, DELETE ON sync.goose_migrations FROM cleversync_sync;

-- +goose StatementBegin
DO $$
DECLARE t text;
BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'staging' LOOP
    EXECUTE format('ALTER TABLE staging.%I OWNER TO cleversync_sync', t);
  END LOOP;

  FOR t IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
           WHERE schemaname = 'school_manager'
              OR (schemaname = 'sync' AND tablename IN ('tenants', 'connections', 'runs', 'run_steps', 'run_signals', 'run_counts', 'run_issue_counts', 'run_issues')) LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY everything ON %s TO cleversync_sync USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY own ON %s TO cleversync_tenant USING (%s = NULLIF(current_setting(''cleversync.tenant'', true), '''')::uuid)',
                   t, CASE t WHEN 'sync.tenants' THEN 'id' ELSE 'tenant_id' END);
  END LOOP;
END $$;
-- +goose StatementEnd

ALTER TABLE sync.districts ENABLE ROW LEVEL SECURITY;
ALTER TABLE sync.districts FORCE ROW LEVEL SECURITY;
CREATE POLICY everything ON sync.districts TO cleversync_sync USING (true) WITH CHECK (true);
CREATE POLICY own ON sync.districts TO cleversync_tenant
  USING (id = (SELECT c.district_id FROM sync.connections c WHERE c.tenant_id = NULLIF(current_setting('cleversync.tenant', true), '')::uuid));

GRANT SELECT ON ALL TABLES IN SCHEMA school_manager TO cleversync_tenant;
GRANT SELECT ON sync.tenants, sync.connections, sync.runs, sync.run_steps, sync.run_counts, sync.run_issue_counts, sync.run_issues TO cleversync_tenant;
GRANT SELECT (id, name) ON sync.districts TO cleversync_tenant;
GRANT UPDATE (enabled, whole, schools, sync_classrooms, unique_class_names, sync_parents, parent_types, version, updated_at) ON sync.connections TO cleversync_tenant;

-- What a tenant's own people do is kept in the same transaction: they may add to the log for their tenant, and read none of it.
ALTER TABLE sync.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE sync.audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY everything ON sync.audit_log TO cleversync_sync USING (true) WITH CHECK (true);
CREATE POLICY own ON sync.audit_log FOR INSERT TO cleversync_tenant
  WITH CHECK (tenant_id = NULLIF(current_setting('cleversync.tenant', true), '')::uuid);
GRANT INSERT (id, actor, act, tenant_id, details) ON sync.audit_log TO cleversync_tenant;
