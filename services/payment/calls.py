"""payment's workers: what they do with a leased row. The only place where the provider is asked."""

import random
import time
from collections.abc import Sequence

from prometheus_client import Counter

from chassis.database import Database, Transaction
from chassis.errors import Transient
from chassis.outbox import publish
from chassis.telemetry import log
from payment import store
from payment.circuit import Circuit
from payment.domain import Answer, answer
from payment.handlers import fact
from payment.provider import Provider, Unanswered
from payment.store import Job

BACKOFF = (0.25, 15.0)  # seconds until a row without an answer comes due again: first, longest; with jitter

CALLS = Counter("payment_calls_total", "Calls to the provider, by what became of them", ["call", "outcome"])
"""outcome: the answer's name | unanswered | late (somebody else had taken the row meanwhile)"""


class Calls:
    """`take`, `perform` and `settle` of the pool, around one provider."""

    def __init__(self, database: Database, provider: Provider, circuit: Circuit) -> None:
        self._database = database
        self._provider = provider
        self._circuit = circuit

    def take(self, tx: Transaction, limit: int) -> Sequence[Job]:
        """Lease due rows; while the circuit is open none: they stay due, untouched, for the moment it closes."""
        room = self._circuit.room(limit)
        return store.take(tx, room) if room else []

    def perform(self, job: Job) -> Answer:
        """Ask; blocks for two exchanges at most. Raises Transient without an answer: the row comes due again."""
        if time.monotonic() > job.ends:
            self._renew(job)
        try:
            return self._circuit.run(lambda: self._ask(job))
        except Unanswered as error:
            CALLS.labels(_name(job.call), "unanswered").inc()
            wait = _backoff(job.row.tries)
            with self._database.transaction() as tx:
                store.set_due(tx, job, wait)
            raise Transient(f"order {job.key}, try {job.row.tries}, again in {wait:.1f} s: {error}") from error

    def settle(self, tx: Transaction, job: Job, said: Answer) -> Sequence[Job]:
        """Commit an answer and the facts it makes true, if the lease is still the job's own; -> the next job."""
        payment, facts = answer(job.row.payment, job.call, said)
        mine, following = store.settle(tx, job, payment)
        CALLS.labels(_name(job.call), _name(said) if mine else "late").inc()
        if not mine:
            log.info("dropped an answer that came late", event_key="payment.late", order_id=job.key)
            return []
        publish(tx, [fact(job.row, data) for data in facts])
        return following

    def _ask(self, job: Job) -> Answer:
        """The key is new with each lease: a saved error (Stripe saves 5xx too) must not answer for ever.

        That cannot take money twice, an intent succeeds once. The making of the intent has the order's id as its key,
        and this one behind a saved 5xx only.
        """
        key = f"{job.key}:{job.row.lease}"
        return self._provider.ask(job.key, job.call, key=key, again=job.row.tries > 1)

    def _renew(self, job: Job) -> None:
        """The job waited in the queue for longer than its lease: go on only if nobody else took the row meanwhile."""
        with self._database.transaction() as tx:
            mine = store.set_due(tx, job, store.LEASE_SECONDS)
        if not mine:
            raise Transient(f"order {job.key}: its lease ran out in the queue, and somebody else has it now")


def _backoff(tries: int) -> float:
    first, longest = BACKOFF
    delay: float = min(first * 2.0 ** min(tries - 1, 10), longest)
    return delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _name(thing: object) -> str:
    return type(thing).__name__.lower()
