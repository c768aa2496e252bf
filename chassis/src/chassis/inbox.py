"""The inbox: an event id is claimed in the transaction of its effect, so a repeat finds it taken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg import Cursor

from chassis.database import Transaction

CLAIM = "INSERT INTO inbox (event_id) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id"


def claim(tx: Transaction, ids: Iterable[UUID]) -> Cursor[tuple[Any, ...]]:
    """Queue the claim; the cursor has the ids that nobody had claimed, each once."""
    return tx.execute(CLAIM, ["{" + ",".join(map(str, ids)) + "}"])
