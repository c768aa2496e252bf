"""notifier's own places where a crash matters; see `chassis.failpoints`."""

from collections.abc import Mapping

POINTS: Mapping[str, str] = {
    "notifier.after_read": "An order's journal is read for its subscribers; nothing of it was sent.",
}
