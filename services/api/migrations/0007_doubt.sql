-- The person who gave the word waits until it is taken up: only a projector that is starting does.
ALTER TABLE recovery ADD began timestamptz;

-- From when on the tables may have forgotten what was published: written before api works on tables that were not
-- compared with the log (no broker was there), and before it takes back what is missing; gone once they were. Without
-- it, what is written meanwhile would hide where the tables ended. At most one row.
CREATE TABLE doubt (
  one   boolean PRIMARY KEY DEFAULT true CHECK (one),
  since timestamptz NOT NULL
);
