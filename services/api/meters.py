"""The metrics of api beside chassis's own: one list, a comment each."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

requests = Histogram(
    "api_request_seconds", "A GraphQL operation that was executed", ["field", "outcome"], buckets=_SECONDS
)
"""field: the operation's first field, as the schema names it · outcome: answered | error (partly or in whole)"""

refusals = Counter("api_refusals_total", "User errors: refusals by the rules", ["code"])

deadlines = Counter("api_deadlines_asked_total", "deadline_passed published by the scan")

clock = Gauge("api_clock_ticks", "The log's clock: ticks that the projector has counted; those read at once are one")

overdue = Gauge("api_oldest_due_ticks", "Ticks since the oldest wait used up its allowance; negative: until it does")
