-- What people may ask on the other ways: another card, a dish that has run out, a new count of a dish.
ALTER TABLE outbox
  DROP CONSTRAINT outbox_type,
  ADD CONSTRAINT outbox_type CHECK ((topic, type) IN (
    ('orders.events', 'order_created'),
    ('orders.events', 'payment_retry_requested'),
    ('orders.events', 'items_out_of_stock'),
    ('orders.events', 'order_ready'),
    ('orders.events', 'order_picked_up'),
    ('orders.events', 'order_delivered'),
    ('orders.events', 'order_cancelled'),
    ('orders.events', 'deadline_passed'),
    ('couriers.events', 'shift_started'),
    ('couriers.events', 'shift_ended'),
    ('restaurants.events', 'stock_set')));
