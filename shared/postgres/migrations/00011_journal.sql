-- What a run has overwritten, so that it can be undone.

-- +goose Up
CREATE TABLE sync.journal (
  tenant_id  uuid NOT NULL,
  run_id     uuid NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
  kind       text COLLATE "C" NOT NULL,
  op         text COLLATE "C" NOT NULL,
  before     jsonb NOT NULL,
  hash_after uuid,
  key_after  text COLLATE "C",
  at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX journal_of_run ON sync.journal (run_id, kind);
CREATE INDEX journal_by_time ON sync.journal USING brin (at);
COMMENT ON TABLE sync.journal IS 'The row as it was before each update, archive and restore of a run. What a run created is known by created_run. Kept for 30 days.';
COMMENT ON COLUMN sync.journal.key_after IS 'The new key of a membership or link that was moved to another Clever id of its person.';
COMMENT ON COLUMN sync.journal.hash_after IS 'The content that the run wrote; a row with another was written by somebody else since.';

ALTER TABLE sync.runs
  ADD COLUMN change_seq bigint,
  ADD COLUMN undone_by uuid REFERENCES sync.runs ON DELETE SET NULL;
COMMENT ON COLUMN sync.runs.change_seq IS 'What the rows that the run wrote carry; null where it wrote none.';
COMMENT ON COLUMN sync.runs.undone_by IS 'The run that has undone this one.';

ALTER TABLE sync.tenants ADD COLUMN previews_only boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sync.tenants.previews_only IS 'After an undo nightly runs apply nothing until a person resumes them: the same data would come again.';

GRANT SELECT, INSERT, UPDATE, DELETE ON sync.journal TO cleversync_sync;
ALTER TABLE sync.journal ENABLE ROW LEVEL SECURITY;
ALTER TABLE sync.journal FORCE ROW LEVEL SECURITY;
CREATE POLICY everything ON sync.journal TO cleversync_sync USING (true) WITH CHECK (true);
GRANT UPDATE (previews_only) ON sync.tenants TO cleversync_tenant;
