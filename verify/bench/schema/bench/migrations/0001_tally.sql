-- What the two consumer loops of the comparison write: a count by key, and an event for each event.
ALTER TABLE outbox
  ALTER source SET DEFAULT 'bench',
  ADD CONSTRAINT outbox_source CHECK (source = 'bench'),
  ADD CONSTRAINT outbox_type CHECK ((topic, type) IN (('bench.events', 'counted')));

CREATE TABLE tally (
  key  text PRIMARY KEY,
  n    int NOT NULL
);
