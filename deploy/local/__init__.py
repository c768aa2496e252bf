"""The local runtime: broker, Connect, Postgres, edge, provider and services as ordinary processes."""
