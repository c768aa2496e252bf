-- The keeper says one thing only: the next tick of the log's clock.
ALTER TABLE outbox
  ALTER source SET DEFAULT 'keeper',
  ADD CONSTRAINT outbox_source CHECK (source = 'keeper'),
  ADD CONSTRAINT outbox_type CHECK ((topic, type) IN (('ticks', 'tick'))),
  ADD CONSTRAINT outbox_clock CHECK (key = 'clock');
