-- A decision on a parked event keeps who made it and why. What was discarded is kept, for ever: there is little of it, and
-- it is the only trace of an event that had no effect.
ALTER TABLE parked
  ADD who     text, -- of the last decision; a released event that failed again keeps it
  ADD why     text,
  ADD decided timestamptz;
UPDATE parked SET who = 'unknown', why = 'decided before that was recorded', decided = now()
WHERE state IN ('released', 'discarded');
ALTER TABLE parked
  ADD CONSTRAINT parked_decided CHECK (state IN ('head', 'behind') OR (coalesce(who, '') <> '' AND decided IS NOT NULL)),
  ADD CONSTRAINT parked_discarded CHECK (state <> 'discarded' OR coalesce(why, '') <> '');

CREATE TABLE discarded (
  number    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer  text NOT NULL,
  topic     text NOT NULL,
  partition int NOT NULL,
  "offset"  bigint NOT NULL,
  key       text NOT NULL,
  event_id  uuid,
  raw       json NOT NULL,
  error     text NOT NULL,
  attempts  int NOT NULL,
  at        timestamptz NOT NULL, -- when it was parked
  who       text NOT NULL,
  why       text NOT NULL,
  decided   timestamptz NOT NULL
);

-- A consumer that met more new heads than its cap allows, as long as it stands still. One row, however many processes.
CREATE TABLE stopped (
  consumer text PRIMARY KEY,
  reason   text NOT NULL,
  since    timestamptz NOT NULL DEFAULT now(),
  seen     timestamptz NOT NULL DEFAULT now(), -- every second; an old one is of a process that is no more
  resumed  timestamptz,                        -- when a person let it go on
  who      text
);
