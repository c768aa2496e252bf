"""chassis: reliable events for a service that lives in Postgres and listens to Kafka.

It holds the mechanism every service shares (outbox, inbox, ordered consumption, positions in Postgres, leased work,
migrations, health, telemetry) and no word of what a service is about. The public API is on one page: chassis/README.md.
"""
