"""All of payment's SQL.

A row's lease counts its writes: a fold, a scan and a settlement each raise it. So a worker whose lease is still the
row's own knows that the state it was given is the row's state, and may write the outcome without reading it again;
and an answer under an older lease finds no row, whoever overtook it.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Cursor

from chassis.database import Transaction
from chassis.envelope import encode
from payment.domain import Call, End, Payment, Settled, call

Rows = Cursor[tuple[Any, ...]]

LEASE_SECONDS = 10  # longer than the two exchanges a call may need at worst (PROVIDER_TIMEOUT each)

# Rows of orders that were never seen are not there to lock; only the owner of their partition can insert them.
LOCK = """
SELECT order_id, wanted, card, earlier, amount, currency, answered, intent, captured, ended, settled, traceparent,
  lease, tries
FROM payment WHERE order_id = ANY (ARRAY(SELECT json_array_elements_text(%s::json)))
ORDER BY order_id FOR UPDATE
"""

SAVE = """
INSERT INTO payment (order_id, wanted, card, earlier, amount, currency, answered, intent, captured, ended, settled,
  traceparent, lease, tries, due_at)
SELECT order_id, wanted, card, earlier, amount, currency, answered, intent, captured, ended, settled,
  traceparent, lease, leased::int, CASE WHEN leased THEN now() + make_interval(secs => %s) END
FROM json_to_recordset(%s::json) AS p (order_id text, wanted int, card text, earlier text[], amount bigint,
  currency text, answered int, intent text, captured boolean, ended text, settled text, traceparent text, lease int,
  leased boolean)
ON CONFLICT (order_id) DO UPDATE SET wanted = excluded.wanted, card = excluded.card, earlier = excluded.earlier,
  amount = excluded.amount, currency = excluded.currency, answered = excluded.answered, intent = excluded.intent,
  captured = excluded.captured, ended = excluded.ended, settled = excluded.settled,
  traceparent = excluded.traceparent, lease = excluded.lease, tries = excluded.tries, due_at = excluded.due_at
"""

# Rows that nobody hurries for: the process died after the commit, or an earlier try got no answer.
TAKE = """
UPDATE payment SET lease = lease + 1, tries = tries + 1, due_at = now() + make_interval(secs => %s)
WHERE order_id IN (SELECT order_id FROM payment WHERE due_at <= now() ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING order_id, wanted, card, earlier, amount, currency, answered, intent, captured, ended, settled, traceparent,
  lease, tries
"""

SETTLE = """
UPDATE payment SET answered = %(answered)s, intent = %(intent)s, captured = %(captured)s, settled = %(settled)s,
  lease = lease + 1, tries = %(leased)s::int,
  due_at = CASE WHEN %(leased)s THEN now() + make_interval(secs => %(seconds)s) END
WHERE order_id = %(order_id)s AND lease = %(lease)s
RETURNING lease
"""

# The lease stays: it is the same try's, cut short or drawn out.
SET_DUE = """
UPDATE payment SET due_at = now() + make_interval(secs => %s) WHERE order_id = %s AND lease = %s RETURNING lease
"""

FORGET_DUE = "UPDATE payment SET due_at = NULL WHERE order_id = ANY (ARRAY(SELECT json_array_elements_text(%s::json)))"


NOTHING_YET = Payment()


@dataclass(frozen=True, slots=True)
class Row:
    """A payment with what belongs to its storage."""

    order_id: str
    payment: Payment = NOTHING_YET
    traceparent: str | None = None
    lease: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A leased row, and what is to be asked for it."""

    row: Row
    call: Call
    ends: float  # of the lease, on this process's monotonic clock

    @property
    def key(self) -> str:
        """The order's id."""
        return self.row.order_id


def lock(tx: Transaction, order_ids: Sequence[str]) -> Rows:
    """Queue the locks on the rows of these orders."""
    return tx.execute(LOCK, [encode(order_ids).decode()])


def rows(cursor: Rows) -> dict[str, Row]:
    """Order id → row, of what `lock` has locked."""
    return {row.order_id: row for row in map(_row, cursor.fetchall())}


def save(tx: Transaction, changed: Iterable[Row]) -> list[Job]:
    """Write the rows, each under a new lease; -> the jobs among them, to be handed over after the commit."""
    written = [_releases(row, row.payment) for row in changed]
    jobs = [job for row in written if (job := _job(row)) is not None]
    leased = {job.key for job in jobs}
    if written:
        tx.execute(SAVE, [LEASE_SECONDS, encode([_columns(row, row.order_id in leased) for row in written]).decode()])
    return jobs


def take(tx: Transaction, limit: int) -> list[Job]:
    """Lease rows that are due."""
    taken = [_row(row) for row in tx.execute(TAKE, [LEASE_SECONDS, limit]).fetchall()]
    jobs = [job for row in taken if (job := _job(row)) is not None]
    if len(jobs) < len(taken):  # rows of an older release that knew more to ask
        idle = {row.order_id for row in taken} - {job.key for job in jobs}
        tx.execute(FORGET_DUE, [encode(sorted(idle)).decode()])
    return jobs


def settle(tx: Transaction, job: Job, payment: Payment) -> tuple[bool, list[Job]]:
    """Write an outcome if the job's lease is still the row's own; -> whether it was, and the next job."""
    row = _releases(job.row, payment)
    following = _job(row)
    cursor = tx.execute(
        SETTLE,
        {
            "order_id": row.order_id,
            "lease": job.row.lease,
            "leased": following is not None,
            "seconds": LEASE_SECONDS,
            "answered": payment.answered,
            "intent": payment.intent,
            "captured": payment.captured,
            "settled": payment.settled,
        },
    )
    if cursor.fetchone() is None:
        return False, []
    return True, [] if following is None else [following]


def set_due(tx: Transaction, job: Job, seconds: float) -> bool:
    """Let the job's row come due `seconds` from now; -> False when the lease is no longer the job's own."""
    return tx.execute(SET_DUE, [seconds, job.key, job.row.lease]).fetchone() is not None


def _releases(row: Row, payment: Payment) -> Row:
    """The row after a write: a new lease, and the first try of whatever is asked next."""
    return Row(row.order_id, payment, row.traceparent, row.lease + 1, 1)


def _job(row: Row) -> Job | None:
    asked = call(row.payment)
    return None if asked is None else Job(row, asked, time.monotonic() + LEASE_SECONDS)


def _row(columns: tuple[Any, ...]) -> Row:
    order_id, wanted, card, earlier, amount, currency, answered, intent, captured, ended, settled, *stored = columns
    payment = Payment(
        wanted,
        card,
        tuple(earlier),
        amount,
        currency,
        answered,
        intent,
        captured,
        End(ended) if ended else None,
        Settled(settled) if settled else None,
    )
    return Row(order_id, payment, *stored)


def _columns(row: Row, leased: bool) -> dict[str, object]:
    payment = row.payment
    return {
        "order_id": row.order_id,
        "wanted": payment.wanted,
        "card": payment.card,
        "earlier": payment.earlier,
        "amount": payment.amount,
        "currency": payment.currency,
        "answered": payment.answered,
        "intent": payment.intent,
        "captured": payment.captured,
        "ended": payment.end,
        "settled": payment.settled,
        "traceparent": row.traceparent,
        "lease": row.lease,
        "leased": leased,
    }
