-- Repair and audit read the journal in the order of its commits per key: a stretch of it without sorting all of it.
CREATE UNIQUE INDEX journal_seq ON journal (seq);
