-- The order aggregate: its state, its event store, and what api may publish.

ALTER TABLE outbox
  ALTER source SET DEFAULT 'api',
  ADD CONSTRAINT outbox_source CHECK (source = 'api'),
  ADD CONSTRAINT outbox_type CHECK ((topic, type) IN (
    ('orders.events', 'order_created'),
    ('orders.events', 'order_ready'),
    ('orders.events', 'order_picked_up'),
    ('orders.events', 'order_delivered'),
    ('orders.events', 'order_cancelled'),
    ('orders.events', 'deadline_passed'),
    ('couriers.events', 'shift_started'),
    ('couriers.events', 'shift_ended')));

-- The log's clock: the last tick this service has read. One row.
CREATE TABLE clock (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  k   bigint NOT NULL
);
INSERT INTO clock (k) VALUES (0);

-- One row an order. `document` is the truth; the other columns are what statements look for.
CREATE TABLE orders (
  id            uuid PRIMARY KEY,
  version       int NOT NULL CHECK (version > 0),
  since         int NOT NULL, -- the version at which the present wait began
  open          boolean NOT NULL, -- neither delivered nor cancelled
  customer_id   text NOT NULL,
  restaurant_id text NOT NULL,
  courier_id    text,
  due_tick      bigint, -- the clock's value at which the present wait has used up its allowance
  document      text NOT NULL,
  CHECK (open = (due_tick IS NOT NULL)) -- no order can hang
) WITH (fillfactor = 70);
CREATE INDEX orders_customer ON orders (customer_id, open, id);
CREATE INDEX orders_restaurant ON orders (restaurant_id, open, id);
CREATE INDEX orders_courier ON orders (courier_id, open, id) WHERE courier_id IS NOT NULL;
CREATE INDEX orders_due ON orders (due_tick) WHERE due_tick IS NOT NULL;

-- What a customer's idempotency key stands for. `input` is the SHA-256 of the canonical input.
CREATE TABLE placement (
  customer_id text NOT NULL,
  key         text NOT NULL,
  order_id    uuid NOT NULL,
  input       bytea NOT NULL,
  at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (customer_id, key)
);

-- The event store, and at the same time an outbox table of the connector: one row per version of an order.
-- id, type and at are those of the fact that made the version, `data` is the fact; `payload` the order's document.
CREATE TABLE journal (
  seq            bigint GENERATED ALWAYS AS IDENTITY,
  id             uuid NOT NULL,
  topic          text NOT NULL DEFAULT 'orders.journal' CHECK (topic = 'orders.journal'),
  type           text NOT NULL,
  key            text NOT NULL,
  payload        text NOT NULL CHECK (octet_length(payload) < 524288),
  source         text NOT NULL DEFAULT 'api' CHECK (source = 'api'),
  schema_version smallint NOT NULL DEFAULT 1,
  traceparent    text,
  at             timestamptz NOT NULL DEFAULT now(),
  order_id       uuid NOT NULL,
  version        int NOT NULL,
  data           text NOT NULL,
  PRIMARY KEY (order_id, version),
  CHECK (key = order_id::text)
);
REVOKE UPDATE, DELETE, TRUNCATE ON journal FROM api;

-- The one thing another service reads of api: the notifier's resume and resync.
CREATE VIEW journal_feed WITH (security_barrier) AS
  SELECT order_id, version, type, at, payload FROM journal;
REVOKE INSERT, UPDATE, DELETE ON journal_feed FROM api;
GRANT USAGE ON SCHEMA api TO notifier;
GRANT SELECT ON journal_feed TO notifier;

-- UUIDv7 (RFC 9562): Postgres has its own from 18 on.
CREATE FUNCTION event_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid())
      PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid
$$;
