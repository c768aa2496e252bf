-- When the kitchen last said how many of a dish there are (null: never). Counts and reports of what has run out come by
-- different topics: of two, the one that was said later stands, whichever is read first.
ALTER TABLE stock ADD counted_at timestamptz;

-- What a timer says of an order belongs to the order's trace.
ALTER TABLE ticket ADD traceparent text;
