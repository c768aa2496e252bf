"""Every metric of notifier."""

from prometheus_client import Counter, Gauge, Histogram

AGES = (0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)

connections = Gauge("notifier_connections", "WebSockets open")
subscriptions = Gauge("notifier_subscriptions", "Subscriptions running")
pushes = Counter("notifier_pushes_total", "Versions sent to subscribers")
push_age = Histogram(
    "notifier_push_age_seconds", "From the journal row's time to the frame sent, live only", buckets=AGES
)
waiting = Gauge("notifier_polls_waiting", "Polls that wait for a version")
polls = Counter("notifier_polls_total", "Polls answered", ["outcome"])
"""outcome: version | nothing | gone (the client went away) | a problem's code"""
closed = Counter("notifier_closed_total", "WebSockets closed by this side", ["code"])
reads = Counter("notifier_journal_reads_total", "Orders read from the journal", ["reason"])
"""reason: join (a subscription began) | gap (a version is missing) | sweep (the table knows more than was sent) |
slow (a reader had fallen behind and goes on)"""
unreadable = Counter("notifier_unreadable_total", "Documents that are not what the contract says")
