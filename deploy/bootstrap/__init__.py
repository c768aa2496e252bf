"""Makes what must exist before a service can run: database, roles, schemas, topics, and in a cluster the secrets."""
