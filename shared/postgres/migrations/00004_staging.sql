-- What a run has fetched. Keyed by run, generation, stream, list and Clever id:
-- a teacher of two schools comes in two lists, and plan takes one row of each.
-- The tables belong to cleversync_sync, since before Postgres 17 only an owner
-- may ANALYZE.

-- +goose Up
CREATE UNLOGGED TABLE staging.progress (
  run_id      uuid NOT NULL,
  generation  integer NOT NULL,
  step        text COLLATE "C" NOT NULL,
  cursor      text COLLATE "C",
  pages       bigint NOT NULL DEFAULT 0,
  records     bigint NOT NULL DEFAULT 0,
  rows        bigint NOT NULL DEFAULT 0,
  issues      bigint NOT NULL DEFAULT 0,
  blind       bigint NOT NULL DEFAULT 0,
  total       bigint,
  reread      boolean NOT NULL DEFAULT false,
  complete    boolean NOT NULL DEFAULT false,
  PRIMARY KEY (run_id, generation, step)
);
COMMENT ON COLUMN staging.progress.cursor IS 'Where the next page begins; moved by compare-and-set together with the page''s rows.';
COMMENT ON COLUMN staging.progress.records IS 'Elements received from Clever, undecodable ones included.';
COMMENT ON COLUMN staging.progress.rows IS 'Rows this step has staged in its kind''s table.';
COMMENT ON COLUMN staging.progress.blind IS 'Undecodable records whose id could not be read: removals of the kind are withheld.';
COMMENT ON COLUMN staging.progress.total IS 'The number of records that Clever itself gave, where it gives one for every list of the step.';
COMMENT ON COLUMN staging.progress.reread IS 'The list was begun once more after an answer without end or order.';

CREATE UNLOGGED TABLE staging.schools (
  run_id uuid NOT NULL, generation integer NOT NULL, step text COLLATE "C" NOT NULL, list text COLLATE "C" NOT NULL, clever_id text COLLATE "C" NOT NULL,
  hash uuid NOT NULL, elided boolean NOT NULL, new_id uuid,
  name text, sis_id text, number text,
  PRIMARY KEY (run_id, generation, step, list, clever_id)
);
CREATE UNLOGGED TABLE staging.users (
  run_id uuid NOT NULL, generation integer NOT NULL, step text COLLATE "C" NOT NULL, list text COLLATE "C" NOT NULL, clever_id text COLLATE "C" NOT NULL,
  hash uuid NOT NULL, elided boolean NOT NULL, new_id uuid,
  student boolean NOT NULL, teacher boolean NOT NULL, email_key text COLLATE "C",
  first_name text, middle_name text, last_name text, email text, username text, sis_id text,
  schools text[], grade text, student_number text, teacher_number text,
  PRIMARY KEY (run_id, generation, step, list, clever_id)
);
CREATE UNLOGGED TABLE staging.classrooms (
  run_id uuid NOT NULL, generation integer NOT NULL, step text COLLATE "C" NOT NULL, list text COLLATE "C" NOT NULL, clever_id text COLLATE "C" NOT NULL,
  hash uuid NOT NULL, elided boolean NOT NULL, new_id uuid,
  source_name text, sis_id text COLLATE "C", school_id text, course_id text COLLATE "C", term_id text COLLATE "C",
  subject text, grade text, period text,
  students text[], teachers text[],
  PRIMARY KEY (run_id, generation, step, list, clever_id)
);
COMMENT ON COLUMN staging.classrooms.teachers IS 'The primary teacher first.';
CREATE UNLOGGED TABLE staging.courses (
  run_id uuid NOT NULL, generation integer NOT NULL, step text COLLATE "C" NOT NULL, list text COLLATE "C" NOT NULL, clever_id text COLLATE "C" NOT NULL,
  name text, number text,
  PRIMARY KEY (run_id, generation, step, list, clever_id)
);
CREATE UNLOGGED TABLE staging.terms (
  run_id uuid NOT NULL, generation integer NOT NULL, step text COLLATE "C" NOT NULL, list text COLLATE "C" NOT NULL, clever_id text COLLATE "C" NOT NULL,
  name text, start_date date, end_date date,
  PRIMARY KEY (run_id, generation, step, list, clever_id)
);
CREATE UNLOGGED TABLE staging.parents (
  run_id uuid NOT NULL, generation integer NOT NULL, step text COLLATE "C" NOT NULL, list text COLLATE "C" NOT NULL, clever_id text COLLATE "C" NOT NULL,
  hash uuid NOT NULL, elided boolean NOT NULL, new_id uuid,
  name text, email text, phone text, phone_type text,
  link_students text[], link_relationships text[], link_types text[],
  PRIMARY KEY (run_id, generation, step, list, clever_id)
);
COMMENT ON COLUMN staging.parents.link_students IS 'The three link arrays have one element per link, in the same order.';
CREATE UNLOGGED TABLE staging.issues (
  run_id uuid NOT NULL, generation integer NOT NULL, step text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, clever_id text COLLATE "C" NOT NULL, field text NOT NULL
);
CREATE INDEX issues_of_run ON staging.issues (run_id, generation, step);
