-- What delivery may say: that a courier carries an order.
ALTER TABLE outbox
  ALTER source SET DEFAULT 'delivery',
  ADD CONSTRAINT outbox_source CHECK (source = 'delivery'),
  ADD CONSTRAINT outbox_type CHECK ((topic, type) IN (('orders.events', 'delivery_assigned')));

-- Couriers, folded from their shifts. Free: on shift and without an order.
CREATE TABLE courier (
  courier_id text PRIMARY KEY,
  on_shift   boolean NOT NULL,
  -- One courier an order. Checked at the end of a statement, because one statement may let go and take.
  order_id   text UNIQUE DEFERRABLE INITIALLY IMMEDIATE,
  used_at    timestamptz NOT NULL DEFAULT '-infinity' -- the last assignment: least recently used first
) WITH (fillfactor = 70);
CREATE INDEX courier_free ON courier (used_at, courier_id) WHERE on_shift AND order_id IS NULL;

-- One row an order, also for orders of which only the end was ever read (CLOSED).
CREATE TABLE job (
  order_id   text PRIMARY KEY,
  state      text NOT NULL CHECK (state IN ('SEARCHING', 'ASSIGNED', 'PICKED_UP', 'CLOSED')),
  courier_id text UNIQUE DEFERRABLE INITIALLY IMMEDIATE, -- one order a courier
  n          int NOT NULL CHECK (n >= 0),
  retry_at   timestamptz, -- the database's clock: from then on a free courier is looked for
  CHECK ((state IN ('ASSIGNED', 'PICKED_UP')) = (courier_id IS NOT NULL)),
  CHECK ((state = 'SEARCHING') = (retry_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX job_searching ON job (retry_at, order_id) WHERE state = 'SEARCHING';
