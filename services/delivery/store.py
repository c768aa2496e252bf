"""All of delivery's SQL.

Locks are taken in one order everywhere: jobs by id, then couriers by id, then free couriers. Jobs are named by their
own id or by a courier who may leave them, couriers by their own id or by a job that is locked. Nobody ever waits for
what turns out to be needed later: the free ones are taken with SKIP LOCKED, so that two batches racing for the last
courier do not queue, and strangers with NOWAIT, which is Transient: the batch is tried again. So there is no deadlock.

A list goes to Postgres as one JSON text (psycopg's arrays are slow). Its LIMIT tells the planner how long it is:
without that json_to_recordset counts for 100 rows, and a hundred rows make it read a young table whole.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg import Cursor

from chassis.database import Transaction
from chassis.envelope import encode
from delivery.desk import Desk
from delivery.domain import Courier, Job, State

Rows = Cursor[tuple[Any, ...]]

LOCK_JOBS = """
WITH wanted AS (SELECT ARRAY(SELECT json_array_elements_text(%s::json)) AS ids)
SELECT order_id, state, courier_id, n, traceparent FROM job
WHERE order_id = ANY (ARRAY(
  SELECT unnest(ids) FROM wanted UNION ALL SELECT order_id FROM job, wanted WHERE courier_id = ANY (wanted.ids)))
ORDER BY order_id FOR UPDATE
"""

# By their own id (shifts), or by the job they have. A later statement than LOCK_JOBS, so it sees who was given to
# those orders while we waited for their rows. Beside them: does any order wait for one of these to become free?
LOCK_COURIERS = """
WITH wanted AS (SELECT ARRAY(SELECT json_array_elements_text(%s::json)) AS ids)
SELECT courier_id, on_shift, order_id, others, EXISTS (SELECT FROM job WHERE state = 'SEARCHING') FROM courier
WHERE courier_id = ANY (ARRAY(
  SELECT unnest(ids) FROM wanted UNION ALL SELECT courier_id FROM job, wanted WHERE order_id = ANY (wanted.ids)))
ORDER BY courier_id FOR UPDATE
"""

LOCK_STRANGERS = """
SELECT courier_id, on_shift, order_id, others FROM courier
WHERE courier_id = ANY (ARRAY(SELECT json_array_elements_text(%s::json)))
ORDER BY courier_id FOR UPDATE NOWAIT
"""

LOCK_FREE = """
SELECT courier_id FROM courier WHERE on_shift AND order_id IS NULL
ORDER BY used_at, courier_id LIMIT %s FOR UPDATE SKIP LOCKED
"""

# Waiting orders cost nothing while nobody is free; then they are served in the order in which they began to wait.
LOCK_SEARCHING = """
SELECT order_id, state, courier_id, n, traceparent FROM job WHERE state = 'SEARCHING' AND retry_at <= now()
  AND EXISTS (SELECT FROM courier WHERE on_shift AND order_id IS NULL)
ORDER BY retry_at, order_id LIMIT %s FOR UPDATE SKIP LOCKED
"""

# A plain INSERT: should two owners meet on a new order, the second fails and reads again, it overwrites nothing.
INSERT_JOBS = """
INSERT INTO job (order_id, state, courier_id, n, traceparent, retry_at)
SELECT order_id, state, courier_id, n, traceparent, CASE WHEN state = 'SEARCHING' THEN now() END
FROM json_to_recordset(%(rows)s::json) AS j (order_id text, state text, courier_id text, n int, traceparent text)
"""

UPDATE_JOBS = """
UPDATE job SET state = j.state, courier_id = j.courier_id, n = j.n,
  retry_at = CASE WHEN j.state = 'SEARCHING' THEN coalesce(job.retry_at, now()) END
FROM (SELECT * FROM json_to_recordset(%(rows)s::json) AS j (order_id text, state text, courier_id text, n int)
      LIMIT json_array_length(%(rows)s::json)) AS j
WHERE job.order_id = j.order_id
"""

INSERT_COURIERS = """
INSERT INTO courier (courier_id, on_shift, order_id, others, used_at)
SELECT courier_id, on_shift, order_id, others, CASE WHEN taken THEN now() ELSE '-infinity' END
FROM json_to_recordset(%(rows)s::json)
  AS c (courier_id text, on_shift boolean, order_id text, others text[], taken boolean)
"""

UPDATE_COURIERS = """
UPDATE courier SET on_shift = c.on_shift, order_id = c.order_id, others = c.others,
  used_at = CASE WHEN c.taken THEN now() ELSE courier.used_at END
FROM (SELECT * FROM json_to_recordset(%(rows)s::json)
        AS c (courier_id text, on_shift boolean, order_id text, others text[], taken boolean)
      LIMIT json_array_length(%(rows)s::json)) AS c
WHERE courier.courier_id = c.courier_id
"""


def lock(tx: Transaction, keys: Sequence[str]) -> tuple[Rows, Rows]:
    """Queue the locks on the jobs and couriers that these keys (orders and couriers) name."""
    ids = encode(keys).decode()
    return tx.execute(LOCK_JOBS, [ids]), tx.execute(LOCK_COURIERS, [ids])


def lock_strangers(tx: Transaction, courier_ids: Sequence[str]) -> list[Courier]:
    """Lock couriers of whom nobody knew that they are needed. LockNotAvailable (Transient) when others hold one."""
    return [_courier(row) for row in tx.execute(LOCK_STRANGERS, [encode(courier_ids).decode()]).fetchall()]


def lock_searching(tx: Transaction, limit: int) -> dict[str, Job]:
    """Lock up to `limit` orders that wait for a courier, longest first; none while nobody is free."""
    return jobs(tx.execute(LOCK_SEARCHING, [limit]))


def lock_free(tx: Transaction, limit: int) -> list[Courier]:
    """Lock up to `limit` free couriers, least recently used first; those that others hold are passed over."""
    return [Courier(row[0], on_shift=True) for row in tx.execute(LOCK_FREE, [limit]).fetchall()]


def jobs(rows: Rows) -> dict[str, Job]:
    """Order id → job."""
    return {order_id: Job(State(state), courier, n, trace) for order_id, state, courier, n, trace in rows.fetchall()}


def _courier(row: Sequence[Any]) -> Courier:
    courier_id, on_shift, order_id, others = row[:4]
    return Courier(courier_id, on_shift, () if order_id is None else (order_id, *others))


def desk(job_rows: Rows, courier_rows: Rows) -> Desk:
    """What `lock` has locked. Without any courier's row it is not known whether orders wait."""
    rows = courier_rows.fetchall()
    couriers = {courier.courier_id: courier for courier in map(_courier, rows)}
    return Desk(jobs(job_rows), couriers, orders_wait=rows[0][4] if rows else True)


def save(tx: Transaction, desk: Desk) -> None:
    """Write what changed on the desk. Updates first: a courier let go by an old order may go on to a new one."""
    jobs = {
        order_id: {
            "order_id": order_id,
            "state": job.state,
            "courier_id": job.courier_id,
            "n": job.n,
            "traceparent": job.traceparent,
        }
        for order_id, job in desk.changed_jobs.items()
    }
    couriers = {
        c.courier_id: {
            "courier_id": c.courier_id,
            "on_shift": c.on_shift,
            "order_id": c.orders[0] if c.orders else None,
            "others": c.orders[1:],
            "taken": c.courier_id in desk.taken,
        }
        for c in desk.changed_couriers.values()
    }
    _write(tx, UPDATE_JOBS, jobs, jobs.keys() & desk.known_jobs)
    _write(tx, INSERT_JOBS, jobs, jobs.keys() - desk.known_jobs)
    _write(tx, UPDATE_COURIERS, couriers, couriers.keys() & desk.known_couriers)
    _write(tx, INSERT_COURIERS, couriers, couriers.keys() - desk.known_couriers)


def _write(tx: Transaction, statement: str, rows: Mapping[str, dict[str, Any]], ids: Collection[str]) -> None:
    if ids:
        tx.execute(statement, {"rows": encode([rows[one] for one in sorted(ids)]).decode()})
