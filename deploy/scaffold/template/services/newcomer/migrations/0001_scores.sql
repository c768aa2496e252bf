-- What newcomer may say: nothing yet. The first event it publishes replaces this CHECK in a file of its own.
ALTER TABLE outbox
  ALTER source SET DEFAULT 'newcomer',
  ADD CONSTRAINT outbox_source CHECK (source = 'newcomer'),
  ADD CONSTRAINT outbox_type CHECK (false);

-- One row an order that has earned points.
CREATE TABLE score (
  order_id text PRIMARY KEY,
  points   int NOT NULL CHECK (points > 0)
);
