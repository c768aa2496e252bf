-- A person's word that api may take back from the log what its tables have forgotten (Postgres was restored to an
-- earlier time), and what came of it.
CREATE TABLE recovery (
  asked    timestamptz PRIMARY KEY DEFAULT now(),
  who      text NOT NULL,
  ended    timestamptz,
  versions int, -- taken back; null: not ended, or refused
  refused  text -- why nothing more was taken back
);
REVOKE DELETE, TRUNCATE ON recovery FROM api;
