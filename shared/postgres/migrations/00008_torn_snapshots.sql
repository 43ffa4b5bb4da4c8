-- A sync into Clever that ends while we fetch gives a roster of two moments:
-- half of the lists from before, half from after.

-- +goose Up
ALTER TABLE sync.runs
  ADD COLUMN rereads smallint NOT NULL DEFAULT 0,
  ADD COLUMN torn boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sync.runs.rereads IS 'How often everything was fetched once more because the district''s data was renewed meanwhile.';
COMMENT ON COLUMN sync.runs.torn IS 'What was fetched last is of two moments of the district: removals are withheld.';
