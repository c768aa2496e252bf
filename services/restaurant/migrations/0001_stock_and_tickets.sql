-- What restaurant may say: its verdict on an order, that the dish is ready, and its menus.
ALTER TABLE outbox
  ALTER source SET DEFAULT 'restaurant',
  ADD CONSTRAINT outbox_source CHECK (source = 'restaurant'),
  ADD CONSTRAINT outbox_type CHECK ((topic, type) IN (
    ('orders.events', 'order_accepted'), ('orders.events', 'items_out_of_stock'), ('orders.events', 'order_ready'),
    ('restaurants.events', 'menu_published')));

CREATE TABLE restaurant (
  restaurant_id       text PRIMARY KEY,
  preparation_seconds int CHECK (preparation_seconds >= 0), -- null: a manual kitchen, it says when a dish is ready
  menu                text NOT NULL -- as last published; a menu that is the same is not published again
);

CREATE TABLE stock (
  restaurant_id text NOT NULL REFERENCES restaurant,
  item_id       text NOT NULL,
  quantity      int NOT NULL CHECK (quantity >= 0),
  PRIMARY KEY (restaurant_id, item_id)
) WITH (fillfactor = 50); -- the same few rows are updated all the time

-- One row an order, also for orders of which only the end was ever read (CLOSED).
CREATE TABLE ticket (
  order_id      text PRIMARY KEY,
  state         text NOT NULL CHECK (state IN ('ORDERED', 'COOKING', 'READY', 'CLOSED')),
  restaurant_id text NOT NULL,
  lines         json NOT NULL, -- [{"item_id": text, "quantity": int}]
  held          boolean NOT NULL, -- stock was taken for this order and not given back
  ready_at      timestamptz, -- the database's clock; null: nothing to wait for, or the kitchen says so
  CHECK (ready_at IS NULL OR state = 'COOKING')
) WITH (fillfactor = 80);
CREATE INDEX ticket_cooking ON ticket (ready_at, order_id) WHERE state = 'COOKING';
