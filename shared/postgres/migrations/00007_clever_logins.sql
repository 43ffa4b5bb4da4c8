-- Log-ins at Clever by which a tenant is connected or finds its schools, and connections that were ended.

-- +goose Up
ALTER TABLE sync.connections
  ADD COLUMN disconnected_at timestamptz,
  ADD CONSTRAINT disconnected_is_off CHECK (disconnected_at IS NULL OR NOT enabled);
COMMENT ON COLUMN sync.connections.disconnected_at IS 'When the tenant was disconnected. The row stays: another district than this one takes an operator.';

-- A tenant's own people may disconnect it, and then change nothing more of the connection. The programs' own login is a
-- member of both roles, so that a policy for one holds for it too; current_user tells as whom a statement runs.
GRANT UPDATE (disconnected_at) ON sync.connections TO cleversync_tenant;
CREATE POLICY while_connected ON sync.connections AS RESTRICTIVE FOR UPDATE TO cleversync_tenant
  USING (disconnected_at IS NULL OR current_user <> 'cleversync_tenant') WITH CHECK (true);

CREATE TABLE sync.clever_logins (
  id            uuid PRIMARY KEY,
  tenant_id     uuid REFERENCES sync.tenants,
  purpose       text NOT NULL CHECK (purpose IN ('district', 'school', 'identify')),
  state         text NOT NULL CHECK (state IN ('waiting', 'started', 'asking', 'confirming', 'connected', 'selected', 'identified', 'refused')),
  started_by    text NOT NULL DEFAULT '',
  by_operator   boolean NOT NULL DEFAULT false,
  ticket_hash   bytea UNIQUE,
  state_hash    bytea UNIQUE,
  browser_hash  bytea,
  restarts      smallint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  started_at    timestamptz,
  used_at       timestamptz,
  confirmed_at  timestamptz,
  ended_at      timestamptz,
  code          text NOT NULL DEFAULT '',
  person_type   text NOT NULL DEFAULT '',
  district_id   text COLLATE "C" NOT NULL DEFAULT '',
  district_name text NOT NULL DEFAULT '',
  schools       text[] NOT NULL DEFAULT '{}',
  CONSTRAINT only_strangers_have_no_tenant CHECK ((tenant_id IS NULL) = (purpose = 'identify')),
  CONSTRAINT refused_has_a_code CHECK ((state = 'refused') = (code <> '')),
  CONSTRAINT ended_by_its_state CHECK ((ended_at IS NOT NULL) = (state IN ('connected', 'selected', 'identified', 'refused'))),
  CONSTRAINT bound_once_started CHECK (state = 'waiting' OR (browser_hash IS NOT NULL AND started_at IS NOT NULL))
);
CREATE INDEX clever_logins_tenant ON sync.clever_logins (tenant_id, created_at);
CREATE INDEX clever_logins_browser ON sync.clever_logins (browser_hash);
CREATE INDEX clever_logins_expiry ON sync.clever_logins (expires_at);
COMMENT ON TABLE sync.clever_logins IS 'Each for one browser and for an hour at most. No name of a person is kept, and of secrets their SHA-256 alone.';
COMMENT ON COLUMN sync.clever_logins.tenant_id IS 'Null where the log-in began at Clever: it only tells its person what to do.';
COMMENT ON COLUMN sync.clever_logins.by_operator IS 'An operator asked for it, so it may change the district of a tenant that has one.';
COMMENT ON COLUMN sync.clever_logins.ticket_hash IS 'Opens the start page; used up by its button.';
COMMENT ON COLUMN sync.clever_logins.state_hash IS 'Of the state that Clever must bring back; a new one with each time that the browser is sent there.';
COMMENT ON COLUMN sync.clever_logins.browser_hash IS 'Of the cookie of the browser that used the ticket. Nobody else sees or confirms what comes of the log-in.';
COMMENT ON COLUMN sync.clever_logins.restarts IS 'How often a log-in that began at Clever has come instead of its answer.';
COMMENT ON COLUMN sync.clever_logins.schools IS 'The granted schools where the person is, by their Clever ids.';

-- A tenant's request begins a log-in and reads what came of it. All else happens to the browser that carries it out.
ALTER TABLE sync.clever_logins ENABLE ROW LEVEL SECURITY;
ALTER TABLE sync.clever_logins FORCE ROW LEVEL SECURITY;
CREATE POLICY everything ON sync.clever_logins TO cleversync_sync USING (true) WITH CHECK (true);
CREATE POLICY own ON sync.clever_logins TO cleversync_tenant
  USING (tenant_id = NULLIF(current_setting('cleversync.tenant', true), '')::uuid);
CREATE POLICY not_as_operator ON sync.clever_logins AS RESTRICTIVE FOR INSERT TO cleversync_tenant
  WITH CHECK (NOT by_operator OR current_user <> 'cleversync_tenant');
GRANT SELECT, INSERT, UPDATE, DELETE ON sync.clever_logins TO cleversync_sync;
GRANT SELECT (id, tenant_id, purpose, state, started_by, by_operator, restarts, created_at, expires_at, started_at, used_at, confirmed_at, ended_at,
  code, person_type, district_id, district_name, schools) ON sync.clever_logins TO cleversync_tenant;
GRANT INSERT (id, tenant_id, purpose, state, started_by, by_operator, ticket_hash, expires_at) ON sync.clever_logins TO cleversync_tenant;
