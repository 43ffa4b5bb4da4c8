-- +goose NO TRANSACTION
-- Who is who: users that School Manager already has are adopted, and people who
-- come back under a new Clever id keep their row. The change rows of both name
-- a row by its id and say whose it was before.
--
-- Every statement may run again, since one of them, an index made beside
-- writers, allows no transaction around them.

-- +goose Up
-- A lock that is not had soon is given up, so that nobody queues behind it: the
-- migration is then run again.
SET lock_timeout = '10s';

ALTER TABLE sync.connections ADD COLUMN IF NOT EXISTS match_users_by_name boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sync.connections.match_users_by_name IS 'New users of Clever adopt local ones also by first and last name.';
GRANT UPDATE (match_users_by_name) ON sync.connections TO cleversync_tenant;

ALTER TABLE school_manager.users ADD COLUMN IF NOT EXISTS administrator boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN school_manager.users.administrator IS 'The account has administrative rights in School Manager. Kept by School Manager, never written by the sync, which adopts no such account.';

-- Both sides of every comparison of e-mail addresses, usernames and names go
-- through this function, so it matters only that it is one. The collation knows
-- every alphabet, whatever the database's own does.
CREATE OR REPLACE FUNCTION school_manager.fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(normalize(btrim(value), NFC) COLLATE "und-x-icu");
COMMENT ON FUNCTION school_manager.fold IS 'A text as texts are compared for identity: trimmed, composed, in small letters.';

ALTER TABLE staging.user_changes
  ADD COLUMN IF NOT EXISTS clever_before text COLLATE "C",
  DROP CONSTRAINT IF EXISTS known_op,
  ADD CONSTRAINT known_op CHECK (op IN ('create', 'update', 'archive', 'restore', 'rekey', 'adopt', 'skip', 'hold', 'hold_create', 'hold_update')) NOT VALID;
COMMENT ON COLUMN staging.user_changes.clever_before IS 'Of a re-key: the Clever id that the row has until then.';
COMMENT ON COLUMN staging.user_changes.op IS 'rekey: the row takes a new Clever id. adopt: a local row becomes Clever''s.';
COMMENT ON COLUMN staging.user_changes.hash_before IS 'The row''s hash as plan saw it. Of a re-key and an adoption: the digest of the whole row, since a local row has no hash and what was compared are the row''s values.';

ALTER TABLE staging.parent_changes
  ADD COLUMN IF NOT EXISTS clever_before text COLLATE "C",
  DROP CONSTRAINT IF EXISTS known_op,
  ADD CONSTRAINT known_op CHECK (op IN ('create', 'update', 'archive', 'restore', 'rekey', 'skip', 'hold', 'hold_create', 'hold_update')) NOT VALID;
COMMENT ON COLUMN staging.parent_changes.clever_before IS 'As in user_changes.';

ALTER TABLE staging.member_changes
  ADD COLUMN IF NOT EXISTS user_key_before text COLLATE "C",
  DROP CONSTRAINT IF EXISTS known_op,
  ADD CONSTRAINT known_op CHECK (op IN ('create', 'update', 'archive', 'restore', 'rekey', 'skip', 'hold', 'hold_create', 'hold_update')) NOT VALID;
COMMENT ON COLUMN staging.member_changes.user_key_before IS 'Of a re-key: the key that the row has until then.';

ALTER TABLE staging.link_changes
  ADD COLUMN IF NOT EXISTS student_key_before text COLLATE "C",
  DROP CONSTRAINT IF EXISTS known_op,
  ADD CONSTRAINT known_op CHECK (op IN ('create', 'update', 'archive', 'restore', 'rekey', 'skip', 'hold', 'hold_create', 'hold_update')) NOT VALID;
COMMENT ON COLUMN staging.link_changes.student_key_before IS 'As user_key_before in member_changes.';

RESET lock_timeout;

-- An index whose making was cut short is there and of no use.
DROP INDEX CONCURRENTLY IF EXISTS school_manager.users_local;
CREATE INDEX CONCURRENTLY users_local ON school_manager.users (tenant_id) WHERE clever_id IS NULL AND archived_at IS NULL;
COMMENT ON INDEX school_manager.users_local IS 'Whom a new user of Clever may adopt. Rows of the sync are not in it.';
