-- The roster store of School Manager, with the change rows that a plan writes
-- for it. classroom_members and parent_links have no foreign keys (two of them
-- more than double the time of a first sync): the plan's joins refuse orphans,
-- and triggers take along what hangs on a row that somebody deletes.

-- +goose Up
CREATE TABLE school_manager.schools (
  tenant_id uuid NOT NULL, id uuid NOT NULL, clever_id text COLLATE "C",
  source text NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'clever')),
  name text NOT NULL DEFAULT '', sis_id text NOT NULL DEFAULT '', number text NOT NULL DEFAULT '',
  hash uuid, created_run uuid, archived_at timestamptz, change_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT clever_has_id CHECK ((source = 'clever') = (clever_id IS NOT NULL))
);
CREATE UNIQUE INDEX schools_clever ON school_manager.schools (tenant_id, clever_id) WHERE clever_id IS NOT NULL;

CREATE TABLE school_manager.users (
  tenant_id uuid NOT NULL, id uuid NOT NULL, clever_id text COLLATE "C",
  source text NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'clever')),
  student boolean NOT NULL, teacher boolean NOT NULL,
  first_name text NOT NULL DEFAULT '', middle_name text NOT NULL DEFAULT '', last_name text NOT NULL DEFAULT '',
  email text NOT NULL DEFAULT '', email_key text COLLATE "C" NOT NULL DEFAULT '', username text NOT NULL DEFAULT '', sis_id text NOT NULL DEFAULT '',
  schools text[] NOT NULL DEFAULT '{}', grade text NOT NULL DEFAULT '', student_number text NOT NULL DEFAULT '', teacher_number text NOT NULL DEFAULT '',
  hash uuid, created_run uuid, archived_at timestamptz, change_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT clever_has_id CHECK ((source = 'clever') = (clever_id IS NOT NULL))
);
CREATE UNIQUE INDEX users_clever ON school_manager.users (tenant_id, clever_id) WHERE clever_id IS NOT NULL;
CREATE INDEX users_archived_outside ON school_manager.users (tenant_id) WHERE clever_id IS NOT NULL AND archived_at IS NOT NULL AND hash IS NULL;
COMMENT ON INDEX school_manager.users_archived_outside IS 'Nearly empty: the plan asks every night whom somebody outside the sync has archived, so that what hangs on them goes too.';
COMMENT ON COLUMN school_manager.users.source IS 'clever: the sync created or adopted the row and owns it. It never touches a local one.';
COMMENT ON COLUMN school_manager.users.hash IS 'The content that a sync wrote last. Null after a write from outside: the next sync reads the whole record again.';
COMMENT ON COLUMN school_manager.users.change_seq IS 'sync.tenants.change_seq of the apply that wrote the row last.';

CREATE TABLE school_manager.classrooms (
  tenant_id uuid NOT NULL, id uuid NOT NULL, clever_id text COLLATE "C",
  source text NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'clever')),
  name text NOT NULL DEFAULT '', source_name text NOT NULL DEFAULT '', sis_id text COLLATE "C" NOT NULL DEFAULT '', school_id text NOT NULL DEFAULT '',
  course_id text COLLATE "C" NOT NULL DEFAULT '', course_name text NOT NULL DEFAULT '', course_number text NOT NULL DEFAULT '',
  term_id text COLLATE "C" NOT NULL DEFAULT '', term_name text NOT NULL DEFAULT '', term_start date, term_end date,
  subject text NOT NULL DEFAULT '', grade text NOT NULL DEFAULT '', period text NOT NULL DEFAULT '',
  hash uuid, created_run uuid, archived_at timestamptz, change_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT clever_has_id CHECK ((source = 'clever') = (clever_id IS NOT NULL))
);
CREATE UNIQUE INDEX classrooms_clever ON school_manager.classrooms (tenant_id, clever_id) WHERE clever_id IS NOT NULL;
CREATE INDEX classrooms_archived_outside ON school_manager.classrooms (tenant_id) WHERE clever_id IS NOT NULL AND archived_at IS NOT NULL AND hash IS NULL;
COMMENT ON COLUMN school_manager.classrooms.name IS 'What people see; source_name is what Clever gave, which may be empty.';
COMMENT ON COLUMN school_manager.classrooms.hash IS 'Covers the members too: a write from outside to one of them clears it.';

CREATE TABLE school_manager.classroom_members (
  tenant_id uuid NOT NULL, classroom_id uuid NOT NULL, user_key text COLLATE "C" NOT NULL, user_id uuid,
  source text NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'clever')),
  role text COLLATE "C" NOT NULL CHECK (role IN ('student', 'teacher', 'primary_teacher')),
  created_run uuid, archived_at timestamptz, change_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, classroom_id, user_key)
);
CREATE INDEX classroom_members_unresolved ON school_manager.classroom_members (tenant_id, user_key) WHERE user_id IS NULL AND archived_at IS NULL;
COMMENT ON COLUMN school_manager.classroom_members.user_key IS 'The Clever id of a member that Clever names; of a member added by hand, the user''s id.';
COMMENT ON COLUMN school_manager.classroom_members.user_id IS 'Null = unresolved: Clever names somebody who is not synced. Invisible to readers.';

CREATE TABLE school_manager.parents (
  tenant_id uuid NOT NULL, id uuid NOT NULL, clever_id text COLLATE "C",
  source text NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'clever')),
  name text NOT NULL DEFAULT '', email text NOT NULL DEFAULT '', phone text NOT NULL DEFAULT '', phone_type text NOT NULL DEFAULT '',
  hash uuid, created_run uuid, archived_at timestamptz, change_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT clever_has_id CHECK ((source = 'clever') = (clever_id IS NOT NULL))
);
CREATE UNIQUE INDEX parents_clever ON school_manager.parents (tenant_id, clever_id) WHERE clever_id IS NOT NULL;
CREATE INDEX parents_archived_outside ON school_manager.parents (tenant_id) WHERE clever_id IS NOT NULL AND archived_at IS NOT NULL AND hash IS NULL;

CREATE TABLE school_manager.parent_links (
  tenant_id uuid NOT NULL, parent_id uuid NOT NULL, student_key text COLLATE "C" NOT NULL, type text COLLATE "C" NOT NULL, student_id uuid,
  source text NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'clever')),
  relationship text COLLATE "C" NOT NULL DEFAULT '',
  created_run uuid, archived_at timestamptz, change_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, parent_id, student_key, type)
);
CREATE INDEX parent_links_unresolved ON school_manager.parent_links (tenant_id, student_key) WHERE student_id IS NULL AND archived_at IS NULL;

-- Change rows, one table for each kind of the roster. Written by plan, executed
-- by apply, each only where the row is still as it was before. A run's rows lie
-- together and are always read together, so a BRIN index finds them; a B-tree
-- more than doubles the time of writing them.
CREATE UNLOGGED TABLE staging.school_changes (
  run_id uuid NOT NULL, op text COLLATE "C" NOT NULL, id uuid, clever_id text COLLATE "C" NOT NULL,
  live boolean NOT NULL, hash_before uuid, hash uuid,
  name text, sis_id text, number text,
  CHECK (op IN ('create', 'update', 'archive', 'restore', 'hold', 'skip'))
);
CREATE INDEX school_changes_run ON staging.school_changes USING brin (run_id);

CREATE UNLOGGED TABLE staging.user_changes (
  run_id uuid NOT NULL, op text COLLATE "C" NOT NULL, id uuid, clever_id text COLLATE "C" NOT NULL,
  live boolean NOT NULL, hash_before uuid, hash uuid,
  student boolean, teacher boolean,
  first_name text, middle_name text, last_name text, email text, email_key text COLLATE "C", username text, sis_id text,
  schools text[], grade text, student_number text, teacher_number text,
  CHECK (op IN ('create', 'update', 'archive', 'restore', 'hold', 'skip'))
);
CREATE INDEX user_changes_run ON staging.user_changes USING brin (run_id);
COMMENT ON TABLE staging.user_changes IS 'hold: a removal that is withheld. skip: an unchanged record came without its content, but the row was written from outside meanwhile.';
COMMENT ON COLUMN staging.user_changes.live IS 'Readers see the row before this run.';

CREATE UNLOGGED TABLE staging.classroom_changes (
  run_id uuid NOT NULL, op text COLLATE "C" NOT NULL, id uuid, clever_id text COLLATE "C" NOT NULL,
  live boolean NOT NULL, differs boolean NOT NULL, hash_before uuid, hash uuid,
  name text, source_name text, sis_id text COLLATE "C", school_id text,
  course_id text COLLATE "C", course_name text, course_number text,
  term_id text COLLATE "C", term_name text, term_start date, term_end date,
  subject text, grade text, period text,
  students text[], teachers text[],
  CHECK (op IN ('create', 'update', 'archive', 'restore', 'hold', 'skip'))
);
CREATE INDEX classroom_changes_run ON staging.classroom_changes USING brin (run_id);
COMMENT ON COLUMN staging.classroom_changes.differs IS 'A stored value differs, and not the hash alone.';
COMMENT ON COLUMN staging.classroom_changes.students IS 'Null where the section itself is unchanged, so that its members need no comparing.';

CREATE UNLOGGED TABLE staging.parent_changes (
  run_id uuid NOT NULL, op text COLLATE "C" NOT NULL, id uuid, clever_id text COLLATE "C" NOT NULL,
  live boolean NOT NULL, differs boolean NOT NULL, hash_before uuid, hash uuid,
  name text, email text, phone text, phone_type text,
  link_students text[], link_relationships text[], link_types text[],
  CHECK (op IN ('create', 'update', 'archive', 'restore', 'hold', 'skip'))
);
CREATE INDEX parent_changes_run ON staging.parent_changes USING brin (run_id);

CREATE UNLOGGED TABLE staging.member_changes (
  run_id uuid NOT NULL, op text COLLATE "C" NOT NULL, classroom_id uuid NOT NULL, user_key text COLLATE "C" NOT NULL,
  live boolean NOT NULL, role_before text COLLATE "C", user_before uuid,
  role text COLLATE "C", user_id uuid,
  CHECK (op IN ('create', 'update', 'archive', 'restore', 'hold', 'skip'))
);
CREATE INDEX member_changes_run ON staging.member_changes USING brin (run_id);
COMMENT ON COLUMN staging.member_changes.live IS 'Readers see the row before this run: neither archived nor unresolved.';

CREATE UNLOGGED TABLE staging.link_changes (
  run_id uuid NOT NULL, op text COLLATE "C" NOT NULL, parent_id uuid NOT NULL, student_key text COLLATE "C" NOT NULL, type text COLLATE "C" NOT NULL,
  live boolean NOT NULL, relationship_before text COLLATE "C", student_before uuid,
  relationship text COLLATE "C", student_id uuid,
  CHECK (op IN ('create', 'update', 'archive', 'restore', 'hold', 'skip'))
);
CREATE INDEX link_changes_run ON staging.link_changes USING brin (run_id);

-- A write from outside the sync clears the hash of the row it concerns (of a
-- member: of the classroom; of a link: of the parent), so that the next sync
-- reads the whole record again. Apply names its run in cleversync.run and is
-- spared: the WHEN clauses keep its rows from even calling a function.

-- +goose StatementBegin
CREATE FUNCTION school_manager.clear_hash() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.hash := NULL;
  RETURN NEW;
END $$;
-- +goose StatementEnd

-- The writer need not have any right to classrooms or parents: the functions
-- below run as cleversync_sync.
-- +goose StatementBegin
CREATE FUNCTION school_manager.clear_classroom_hash() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE school_manager.classrooms
  SET hash = NULL
  WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id)
    AND id IN (OLD.classroom_id, NEW.classroom_id)
    AND hash IS NOT NULL;
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION school_manager.clear_parent_hash() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE school_manager.parents
  SET hash = NULL
  WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id)
    AND id IN (OLD.parent_id, NEW.parent_id)
    AND hash IS NOT NULL;
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- What hangs on deleted rows: a user's memberships and links become unresolved,
-- a classroom's members and a parent's links go with it. One pass for each
-- statement, since no index leads from a user to its memberships.
-- +goose StatementBegin
CREATE FUNCTION school_manager.users_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE school_manager.classroom_members m
  SET user_id = NULL
  FROM gone g
  WHERE m.tenant_id = g.tenant_id
    AND m.user_id = g.id;
  UPDATE school_manager.parent_links l
  SET student_id = NULL
  FROM gone g
  WHERE l.tenant_id = g.tenant_id
    AND l.student_id = g.id;
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION school_manager.classrooms_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM school_manager.classroom_members m
  USING gone g
  WHERE m.tenant_id = g.tenant_id
    AND m.classroom_id = g.id;
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION school_manager.parents_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM school_manager.parent_links l
  USING gone g
  WHERE l.tenant_id = g.tenant_id
    AND l.parent_id = g.id;
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- An owner must be able to create in the schema at the moment it is made one.
-- +goose StatementBegin
DO $$
DECLARE f text;
BEGIN
  GRANT CREATE ON SCHEMA school_manager TO cleversync_sync;
  FOREACH f IN ARRAY ARRAY['clear_classroom_hash', 'clear_parent_hash', 'users_deleted', 'classrooms_deleted', 'parents_deleted'] LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION school_manager.%I() FROM PUBLIC', f);
    EXECUTE format('ALTER FUNCTION school_manager.%I() OWNER TO cleversync_sync', f);
  END LOOP;
  REVOKE CREATE ON SCHEMA school_manager FROM cleversync_sync;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
DECLARE
  t text;
  owner text;
  outside CONSTANT text := 'coalesce(current_setting(''cleversync.run'', true), '''') = ''''';
BEGIN
  FOREACH t IN ARRAY ARRAY['schools', 'users', 'classrooms', 'parents'] LOOP
    EXECUTE format('CREATE TRIGGER clear_hash BEFORE UPDATE ON school_manager.%I FOR EACH ROW WHEN (%s) EXECUTE FUNCTION school_manager.clear_hash()', t, outside);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['users', 'classrooms', 'parents'] LOOP
    EXECUTE format('CREATE TRIGGER deleted AFTER DELETE ON school_manager.%I REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION school_manager.%s_deleted()', t, t);
  END LOOP;
  FOR t, owner IN VALUES ('classroom_members', 'classroom'), ('parent_links', 'parent') LOOP
    EXECUTE format('CREATE TRIGGER inserted AFTER INSERT ON school_manager.%I FOR EACH ROW WHEN (%s AND NEW.source = ''clever'') EXECUTE FUNCTION school_manager.clear_%s_hash()', t, outside, owner);
    EXECUTE format('CREATE TRIGGER updated AFTER UPDATE ON school_manager.%I FOR EACH ROW WHEN (%s AND ''clever'' IN (OLD.source, NEW.source)) EXECUTE FUNCTION school_manager.clear_%s_hash()', t, outside, owner);
    EXECUTE format('CREATE TRIGGER deleted AFTER DELETE ON school_manager.%I FOR EACH ROW WHEN (%s AND OLD.source = ''clever'') EXECUTE FUNCTION school_manager.clear_%s_hash()', t, outside, owner);
  END LOOP;
END $$;
-- +goose StatementEnd
