-- What api knows of restaurants (a fold of restaurants.events) and of couriers' shifts.

-- `menu` is the JSON list of menu_published; `revision` is that event's id: a price is taken from exactly one revision.
CREATE TABLE restaurant (
  id       text PRIMARY KEY,
  name     text NOT NULL,
  currency text NOT NULL,
  menu     text NOT NULL,
  revision uuid NOT NULL
);
CREATE INDEX restaurant_name ON restaurant (name, id);

-- Locked by startShift and endShift, so that a courier's two events are published in the order they were decided.
CREATE TABLE shift (
  courier_id text PRIMARY KEY,
  on_shift   boolean NOT NULL
);
