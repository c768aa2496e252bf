-- notifier reads, and says nothing: its outbox takes no row.
ALTER TABLE outbox ADD CONSTRAINT outbox_silent CHECK (false);
