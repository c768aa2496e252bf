-- The tokens of the attempts before the one that is wanted: which of them a decline at the provider belongs to.
ALTER TABLE payment ADD earlier text[] NOT NULL DEFAULT '{}' CHECK (cardinality(earlier) <= 16);
