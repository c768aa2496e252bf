-- The clock counts ticks, and those that are read at once count as one: `k` is the count, `tick` the last one read.
-- After a stop of the projector a clock that leapt by what it had missed would end orders whose facts were read just
-- before it: nobody had the time to act on them.
ALTER TABLE clock ADD tick bigint NOT NULL DEFAULT 0;
