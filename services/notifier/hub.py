"""All channels of this replica: records in, streams out, and the sweep that trusts neither."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from chassis.envelope import Record, attributes
from chassis.errors import Transient
from chassis.telemetry import log
from notifier import metrics
from notifier.channel import Channel, Reads, Stream
from notifier.presentation import Presentation
from notifier.versions import Unreadable, Version, read

SWEEP_SECONDS = (5.0, 10.0)  # a random time between, so that replicas do not ask together
SWEEP_LIMIT_SECONDS = 30.0
ORDERS_A_SWEEP = 500  # ids per statement


class Compares(Reads, Protocol):
    """What the hub needs of the journal: see `store.Journal`."""

    async def heads(self, order_ids: Sequence[str]) -> dict[str, int]: ...


class Hub:
    """Belongs to the event loop, but for `follows`."""

    def __init__(self, journal: Compares, presentation: Presentation) -> None:
        self._journal = journal
        self._presentation = presentation
        self._channels: dict[bytes, Channel] = {}
        self._resync = asyncio.Event()
        self.trouble: str | None = "the journal has not been read yet"
        """Why the journal could not be read at the last sweep; None when it could."""

    def follows(self, key: bytes | None) -> bool:
        """Whether anybody here wants records of this key. Safe from any thread: it decides before parsing.

        A stream that joins a moment later reads the journal after it joined, and finds what this let pass.
        """
        return key in self._channels

    def join(self, order_id: str, stream: Stream) -> None:
        """Start a subscription; `order_id` is a UUID in canonical text."""
        key = order_id.encode()
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(order_id, self._journal, self._presentation, self._forget)
        channel.join(stream)

    def leave(self, stream: Stream) -> None:
        """End a subscription, whoever ends it. Idempotent."""
        if stream.channel is not None:
            stream.channel.leave(stream)

    def resume(self, stream: Stream) -> None:
        """The stream's reader can take more again."""
        if stream.channel is not None and stream in stream.channel.streams:
            stream.channel.want(stream, "slow")

    def deliver(self, records: Sequence[Record]) -> None:
        """Records of `orders.journal`, in the order of their partition; repeated, late and foreign ones do no harm."""
        for record in records:
            channel = self._channels.get(record.key or b"")
            if channel is None:
                continue
            try:
                channel.arrive(_version(record))
            except Unreadable as fault:  # the sweep will find the version missing and read the table
                metrics.unreadable.inc()
                log.error(
                    "a journal record is unreadable",
                    event_key="record.unreadable",
                    offset=record.offset,
                    partition=record.partition,
                    why=str(fault),
                )

    def resync(self) -> None:
        """The topic's position jumped: records may be missing, so compare everybody with the table now."""
        self._resync.set()

    def _forget(self, channel: Channel) -> None:
        key = channel.order_id.encode()
        if self._channels.get(key) is channel:
            del self._channels[key]

    async def run(self) -> None:
        """Sweeps for ever, every few seconds and at each `resync`. Cancel it to stop."""
        while True:
            try:
                async with asyncio.timeout(random.uniform(*SWEEP_SECONDS)):  # noqa: S311 (jitter)
                    await self._resync.wait()
            except TimeoutError:
                pass
            self._resync.clear()
            try:
                async with asyncio.timeout(SWEEP_LIMIT_SECONDS):
                    await self.sweep()
                self.trouble = None
            except (Transient, TimeoutError) as trouble:
                self.trouble = f"the journal cannot be read: {trouble!r}"
                log.warning("the sweep cannot read the journal", event_key="sweep.away", why=repr(trouble))

    async def sweep(self) -> None:
        """Compares the newest version of each order in the table with what its streams were sent. Raises Transient.

        Asks the table also when nobody is subscribed: that is how readiness knows the database.
        """
        ids = [channel.order_id for channel in self._channels.values()]
        for start in range(0, len(ids) or 1, ORDERS_A_SWEEP):
            heads = await self._journal.heads(ids[start : start + ORDERS_A_SWEEP])
            for order_id, head in heads.items():
                if (channel := self._channels.get(order_id.encode())) is not None:
                    channel.compare(head)


def _version(record: Record) -> Version:
    attrs = attributes(record)
    try:
        at = datetime.fromisoformat(attrs["ce_time"])
        return read(record.value or b"", attrs["ce_type"], at)
    except (KeyError, ValueError) as fault:
        raise Unreadable(f"header: {fault!r}") from fault
