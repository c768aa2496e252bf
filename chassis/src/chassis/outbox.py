"""The transactional outbox: an event is a row, inserted by the transaction that made it true."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chassis.database import Transaction
from chassis.envelope import Event, encode

# One statement for any number of events: one JSON text costs a third of psycopg's arrays. ORDER BY makes seq follow
# the order given. A `json` column of json_to_recordset keeps the payload's bytes as they are.
INSERT = """
INSERT INTO outbox (id, topic, type, key, payload, schema_version, traceparent, at)
SELECT id, topic, type, key, payload::text, schema_version, traceparent, coalesce(at, now())
FROM ROWS FROM (json_to_recordset(%s::json) AS (id uuid, topic text, type text, key text, payload json,
     schema_version smallint, traceparent text, at timestamptz))
     WITH ORDINALITY AS event (id, topic, type, key, payload, schema_version, traceparent, at, place)
ORDER BY place
"""


def rows(events: Sequence[Event]) -> str:
    """The events as the one JSON text that INSERT takes; for a service that writes them in a statement of its own."""
    return msgspec.json.encode(
        [
            {
                "id": event.id,
                "topic": event.topic,
                "type": event.type,
                "key": event.key,
                "payload": msgspec.Raw(encode(event.data)),
                "schema_version": event.schema_version,
                "traceparent": event.traceparent,
                "at": event.at,
            }
            for event in events
        ]
    ).decode()


def publish(tx: Transaction, events: Sequence[Event]) -> None:
    """Insert the events in the caller's transaction, in the order given; never commits.

    A row the schema refuses (foreign source, unknown topic or type, payload of 512 kB and more) fails the transaction.
    """
    if events:
        tx.execute(INSERT, [rows(events)])
