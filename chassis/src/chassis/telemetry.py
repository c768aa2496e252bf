"""Structured logs and the list of metrics."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_BATCH = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class metrics:  # noqa: N801 - a namespace: one list, a comment each
    """Every metric of chassis. Services define theirs beside their own code."""

    events = Counter("events_total", "Events read, by what became of them", ["consumer", "type", "outcome"])
    """outcome: handled | skipped (type not read here) | duplicate | parked, and then released | discarded"""
    batch_seconds = Histogram("batch_seconds", "From fetch to commit of a batch", ["consumer"], buckets=_BATCH)
    batch_retries = Counter("batch_retries_total", "Batches tried again after transient trouble", ["consumer"])
    lag = Gauge("consumer_lag", "Records behind the end of the log", ["consumer", "topic"])
    # Of the consumer as a whole, not of one process: take the largest over the processes, not the sum.
    parked_heads = Gauge("parked_heads", "Events that cannot be handled and wait for a person", ["consumer"])
    parked_rows = Gauge("parked_rows", "Events set aside: those that cannot be handled, and those behind", ["consumer"])
    parked_oldest = Gauge("parked_oldest_age_seconds", "Since the oldest of them was set aside; 0: none", ["consumer"])
    consumer_stopped = Gauge(
        "consumer_stopped", "1 while it stands still: too many events could not be handled", ["consumer"]
    )
    positions_lost = Counter(
        "positions_lost_total", "Batches given up because another owner had moved on", ["consumer"]
    )
    work_seconds = Histogram("work_seconds", "One outside call of a worker", ["workers", "outcome"], buckets=_BATCH)
    """outcome: settled | transient | stale (the lease had been taken over) | failed"""


def configure(name: str, level: str = "INFO", fmt: str = "json") -> None:
    """Set the process's logging up: one JSON object a line on standard error, or coloured text."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if fmt == "json":
        shared += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # plain: a traceback with the values of variables would put them into logs
        shared += [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    structlog.contextvars.bind_contextvars(process=name)
