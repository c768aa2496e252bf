-- One row an order, for ever: also for an order that ended before its creation was read (CLOSED is remembered).
CREATE TABLE payment (
  order_id    text PRIMARY KEY CHECK (octet_length(order_id) BETWEEN 1 AND 64),
  wanted      int NOT NULL DEFAULT 0 CHECK (wanted >= 0),
  card        text CHECK (octet_length(card) <= 255),
  amount      bigint NOT NULL DEFAULT 0 CHECK (amount >= 0),
  currency    text NOT NULL DEFAULT '',
  answered    int NOT NULL DEFAULT 0 CHECK (answered BETWEEN 0 AND wanted),
  intent      text,
  captured    boolean NOT NULL DEFAULT false,
  ended       text CHECK (ended IN ('cancelled', 'delivered')),
  settled     text CHECK (settled IN ('refunded', 'released', 'refund_failed')),
  -- Who writes the row counts the lease up; an answer is taken only from the holder of the newest one.
  lease       int NOT NULL DEFAULT 0,
  tries       int NOT NULL DEFAULT 0,   -- of the call that is derived from this state
  due_at      timestamptz,              -- when a worker may take the row; null = there is nothing to ask
  traceparent text,                     -- of the event that set this off
  CHECK (intent IS NOT NULL OR NOT captured),
  CHECK (settled IS NULL OR ended = 'cancelled'),
  CHECK (settled IS NULL OR due_at IS NULL)
) WITH (fillfactor = 70);               -- a row is written three times in its first second: leave the room beside it
CREATE INDEX payment_due ON payment (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE outbox
  ALTER source SET DEFAULT 'payment',
  ADD CONSTRAINT outbox_source CHECK (source = 'payment'),
  ADD CONSTRAINT outbox_type CHECK ((topic, type) IN (
    ('orders.events', 'payment_completed'),
    ('orders.events', 'payment_failed'),
    ('orders.events', 'payment_refunded'),
    ('orders.events', 'payment_released'),
    ('orders.events', 'refund_failed')));
