-- Runs and their steps: the state machine of a sync.

-- +goose Up
CREATE TABLE sync.runs (
  id            uuid PRIMARY KEY,
  tenant_id     uuid NOT NULL REFERENCES sync.tenants,
  region        text NOT NULL,
  district_id   text COLLATE "C" NOT NULL,
  trigger       text NOT NULL CHECK (trigger IN ('manual', 'scheduled')),
  lane          text NOT NULL CHECK (lane IN ('manual', 'scheduled')),
  started_by    text NOT NULL,
  window_key    text,
  state         text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
  config        jsonb NOT NULL,
  generation    integer NOT NULL DEFAULT 1,
  district_state text,
  last_sync     timestamptz,
  code          text,
  message       text,
  reference     text,
  records       bigint NOT NULL DEFAULT 0,
  pages         bigint NOT NULL DEFAULT 0,
  issues_of     uuid,
  issues_digest bytea,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at    timestamptz,
  finished_at   timestamptz,
  CONSTRAINT failed_has_code CHECK ((state = 'failed') = (code IS NOT NULL)),
  CONSTRAINT ended_has_time CHECK ((state IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
  CONSTRAINT scheduled_has_window CHECK (window_key IS NULL OR trigger = 'scheduled')
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX runs_unfinished ON sync.runs (tenant_id) WHERE state IN ('queued', 'running');
CREATE UNIQUE INDEX runs_window ON sync.runs (tenant_id, window_key) WHERE window_key IS NOT NULL;
CREATE INDEX runs_of_tenant ON sync.runs (tenant_id, id);
CREATE INDEX runs_running ON sync.runs (id) WHERE state = 'running';
CREATE INDEX runs_finished ON sync.runs (finished_at) WHERE finished_at IS NOT NULL;
COMMENT ON COLUMN sync.runs.config IS 'The copy of district, schools, options and limits that this run works by; no step reads the connection again.';
COMMENT ON COLUMN sync.runs.generation IS 'How often the fetch was begun anew because staged rows were lost.';
COMMENT ON COLUMN sync.runs.issues_of IS 'The run that stores these same issues, where this one does not store them again.';

CREATE TABLE sync.run_steps (
  run_id        uuid NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
  name          text COLLATE "C" NOT NULL,
  tenant_id     uuid NOT NULL,
  district_id   text COLLATE "C" NOT NULL,
  lane          text NOT NULL,
  state         text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'waiting', 'done', 'failed', 'cancelled')),
  epoch         bigint NOT NULL DEFAULT 0,
  seq           integer NOT NULL DEFAULT 1,
  dispatched_at timestamptz,
  not_before    timestamptz,
  reason        text,
  owner         text,
  lease_until   timestamptz,
  attempt       integer NOT NULL DEFAULT 0,
  resets        integer NOT NULL DEFAULT 0,
  crashes       integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  last_error    text,
  pages         integer NOT NULL DEFAULT 0,
  records       bigint NOT NULL DEFAULT 0,
  bytes         bigint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at    timestamptz,
  finished_at   timestamptz,
  PRIMARY KEY (run_id, name),
  CONSTRAINT running_has_lease CHECK (state <> 'running' OR lease_until IS NOT NULL),
  CONSTRAINT waiting_has_time CHECK (state <> 'waiting' OR not_before IS NOT NULL)
) WITH (fillfactor = 50);
CREATE INDEX run_steps_backlog ON sync.run_steps (lane, created_at) WHERE state = 'ready' AND dispatched_at IS NULL;
CREATE INDEX run_steps_dispatched ON sync.run_steps (dispatched_at) WHERE state = 'ready' AND dispatched_at IS NOT NULL;
CREATE INDEX run_steps_waiting ON sync.run_steps (run_id, name) WHERE state = 'waiting';
CREATE INDEX run_steps_running ON sync.run_steps (run_id, name) WHERE state = 'running';
COMMENT ON COLUMN sync.run_steps.epoch IS 'The fence: raised by every claim; every later write of the step checks it.';
COMMENT ON COLUMN sync.run_steps.seq IS 'Number of the delivery; part of the task''s id in the queue.';
COMMENT ON COLUMN sync.run_steps.dispatched_at IS 'When the queue was last told of this delivery; null = not yet.';
COMMENT ON COLUMN sync.run_steps.attempt IS 'Failures since the step last got on.';
COMMENT ON COLUMN sync.run_steps.resets IS 'Waits for a rate limit since the step last got on.';
COMMENT ON COLUMN sync.run_steps.crashes IS 'Leases that ran out since the step last got on.';

CREATE TABLE sync.run_signals (
  run_id     uuid NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
  tenant_id  uuid NOT NULL,
  signal     text NOT NULL CHECK (signal IN ('cancel', 'rerun')),
  actor      text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, signal)
);
COMMENT ON TABLE sync.run_signals IS 'What a person asks of a run under way; a row of its own, so that no lock of apply is in its way.';

CREATE TABLE sync.run_counts (
  run_id    uuid NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
  tenant_id uuid NOT NULL,
  kind      text NOT NULL,
  unchanged bigint NOT NULL DEFAULT 0,
  added     bigint NOT NULL DEFAULT 0,
  updated   bigint NOT NULL DEFAULT 0,
  archived  bigint NOT NULL DEFAULT 0,
  restored  bigint NOT NULL DEFAULT 0,
  held      bigint NOT NULL DEFAULT 0,
  held_updates bigint NOT NULL DEFAULT 0,
  skipped   bigint NOT NULL DEFAULT 0,
  written   bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, kind)
);
COMMENT ON COLUMN sync.run_counts.written IS 'Rows of School Manager really written, whatever they are counted as.';

CREATE TABLE sync.run_issue_counts (
  run_id    uuid NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
  tenant_id uuid NOT NULL,
  code      text NOT NULL,
  severity  text NOT NULL CHECK (severity IN ('error', 'warning', 'info')),
  count     bigint NOT NULL,
  PRIMARY KEY (run_id, code)
);

CREATE TABLE sync.run_issues (
  run_id    uuid NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
  tenant_id uuid NOT NULL,
  code      text COLLATE "C" NOT NULL,
  kind      text COLLATE "C" NOT NULL,
  clever_id text COLLATE "C" NOT NULL,
  field     text NOT NULL DEFAULT '',
  PRIMARY KEY (run_id, code, kind, clever_id)
);
COMMENT ON TABLE sync.run_issues IS 'At most 10,000 rows a run; run_issue_counts has the exact numbers. Infos are counted only.';
