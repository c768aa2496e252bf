"""The keeper's metrics: one list."""

from prometheus_client import Counter, Enum, Gauge, Histogram

tick_age = Gauge("tick_age_seconds", "Since the log's clock last moved: the health of change data capture")
tick_round_trip = Histogram(
    "tick_round_trip_seconds",
    "From a tick's commit to its return out of the log",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
slot_bytes = Gauge("slot_bytes_behind", "WAL that the connector has not confirmed; Postgres keeps it on disk")
slot_status = Enum(
    "slot_wal_status", "The slot as Postgres tells it", states=["missing", "reserved", "extended", "unreserved", "lost"]
)
connector_up = Gauge("connector_up", "1 while Connect calls the connector and its tasks RUNNING; no proof of flow")
repairs = Counter("repairs_total", "What the keeper did to change data capture", ["kind"])
"""kind: register | drop_slot | restart | repeat_tick"""
