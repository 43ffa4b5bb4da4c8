-- Tenants, the Clever districts, and the connection between them.

-- +goose Up
CREATE TABLE sync.tenants (
  id          uuid PRIMARY KEY,
  name        text NOT NULL CHECK (name <> ''),
  region      text NOT NULL CHECK (region <> ''),
  entitled    boolean NOT NULL DEFAULT false,
  next_due_at timestamptz,
  change_seq  bigint NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tenants_due ON sync.tenants (region, next_due_at) WHERE next_due_at IS NOT NULL;
CREATE INDEX tenants_unplanned ON sync.tenants (region) WHERE next_due_at IS NULL AND entitled;
COMMENT ON COLUMN sync.tenants.entitled IS 'Linewize turned Clever on for this tenant.';
COMMENT ON COLUMN sync.tenants.next_due_at IS 'The start of the tenant''s next slot. Null until a run that a person started has completed.';
COMMENT ON COLUMN sync.tenants.change_seq IS 'Raised once by each apply that writes; the rows it writes carry the new value.';

CREATE TABLE sync.districts (
  id            text COLLATE "C" PRIMARY KEY,
  name          text NOT NULL DEFAULT '',
  token         bytea,
  token_version bigint NOT NULL DEFAULT 0,
  contact_pages integer,
  updated_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN sync.districts.token IS 'AES-256-GCM under the key whose id stands before it (package seal); the district id is authenticated with it.';
COMMENT ON COLUMN sync.districts.contact_pages IS 'Pages of the district''s whole list of contacts when last read: decides between that list and the contacts of each student.';

CREATE TABLE sync.connections (
  tenant_id          uuid PRIMARY KEY REFERENCES sync.tenants,
  district_id        text COLLATE "C" NOT NULL REFERENCES sync.districts,
  enabled            boolean NOT NULL DEFAULT false,
  grant_whole        boolean NOT NULL DEFAULT false,
  granted_schools    text[] NOT NULL DEFAULT '{}',
  whole              boolean NOT NULL DEFAULT false,
  schools            text[] NOT NULL DEFAULT '{}',
  sync_classrooms    boolean NOT NULL DEFAULT true,
  unique_class_names boolean NOT NULL DEFAULT false,
  sync_parents       boolean NOT NULL DEFAULT false,
  parent_types       text[] NOT NULL DEFAULT '{}',
  version            bigint NOT NULL DEFAULT 1,
  linked_by          text NOT NULL,
  linked_at          timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT whole_or_schools CHECK (NOT whole OR schools = '{}'),
  CONSTRAINT whole_is_granted CHECK (NOT whole OR grant_whole),
  CONSTRAINT schools_are_granted CHECK (grant_whole OR schools <@ granted_schools),
  CONSTRAINT parents_need_a_type CHECK (NOT sync_parents OR parent_types <> '{}')
);
CREATE INDEX connections_district ON sync.connections (district_id);
COMMENT ON COLUMN sync.connections.grant_whole IS 'An operator or the district''s administrator allowed every school of the district.';
COMMENT ON COLUMN sync.connections.version IS 'Raised by every change.';

CREATE TABLE sync.api_tokens (
  id         uuid PRIMARY KEY,
  hash       bytea NOT NULL UNIQUE,
  name       text NOT NULL,
  scope      text NOT NULL CHECK (scope IN ('operator', 'tenant')),
  tenant_id  uuid REFERENCES sync.tenants,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT tenant_scope_names_one CHECK ((scope = 'tenant') = (tenant_id IS NOT NULL))
);
COMMENT ON COLUMN sync.api_tokens.hash IS 'SHA-256 of the token, which has 256 random bits; the token itself is kept nowhere.';

CREATE TABLE sync.audit_log (
  id        uuid PRIMARY KEY,
  at        timestamptz NOT NULL DEFAULT now(),
  actor     text NOT NULL,
  act       text NOT NULL,
  tenant_id uuid,
  details   jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_tenant ON sync.audit_log (tenant_id, at);
COMMENT ON TABLE sync.audit_log IS 'Every act of a person. Details name settings and ids, never a pupil''s data or a secret.';
