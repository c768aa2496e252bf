-- A courier who leaves before pick-up is replaced; if it was picked up all the same, the order is in the hands of who
-- has it, beside an order that was given meanwhile. `order_id` still says what keeps a courier busy.
ALTER TABLE courier ADD others text[] NOT NULL DEFAULT '{}', ADD CHECK (order_id IS NOT NULL OR others = '{}');
ALTER TABLE job DROP CONSTRAINT job_courier_id_key;
CREATE INDEX job_courier ON job (courier_id) WHERE courier_id IS NOT NULL;

-- What a timer says of an order belongs to the order's trace.
ALTER TABLE job ADD traceparent text;
