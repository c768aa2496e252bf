-- The tables chassis needs in every service's schema. A service's own first migration pins what its outbox may say
-- (source, topics and types); what stands here is the same for all.

-- Events to be published, in the transaction that made them true. Debezium reads the inserts from the WAL.
-- seq is the order of repair and audit; one key's rows are inserted under one row lock, so it is also their commit order.
CREATE TABLE outbox (
  seq            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id             uuid NOT NULL,
  topic          text NOT NULL,
  type           text NOT NULL,
  key            text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 200),
  -- text, not jsonb: bytes must stay as written. One row too large for Kafka would stop the connector for everybody.
  payload        text NOT NULL CHECK (octet_length(payload) < 524288),
  source         text NOT NULL,
  schema_version smallint NOT NULL DEFAULT 1,
  traceparent    text,
  at             timestamptz NOT NULL DEFAULT now()
);

-- Event ids already handled: the guard against repeats by CDC. Kept longer than any outbox row.
CREATE TABLE inbox (
  event_id uuid PRIMARY KEY,
  at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_at ON inbox USING brin (at);

-- The next offset to handle, moved in the transaction of the batch. Kafka's own offsets are for lag only.
CREATE TABLE position (
  topic     text NOT NULL,
  partition int NOT NULL,
  next      bigint NOT NULL CHECK (next >= 0),
  PRIMARY KEY (topic, partition)
);

-- Events set aside: a head that cannot be handled, and behind it the later events of its key, in order.
CREATE TABLE parked (
  consumer  text NOT NULL,
  topic     text NOT NULL,
  partition int NOT NULL,
  "offset"  bigint NOT NULL,
  key       text NOT NULL,
  event_id  uuid,
  raw       json NOT NULL, -- the whole record, bytes in base64
  error     text NOT NULL,
  state     text NOT NULL CHECK (state IN ('head', 'behind', 'released', 'discarded')),
  attempts  int NOT NULL DEFAULT 1,
  at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, topic, partition, "offset")
);
CREATE INDEX parked_key ON parked (consumer, key);
