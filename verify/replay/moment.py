"""What a person writes for a moment: a version, a time, or how long ago."""

import re
from datetime import UTC, datetime, timedelta

from replay.errors import CannotLookError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
WORDS = "a version (7), a time (2026-11-25T18:30:00Z; without a zone this machine's), or how long ago (90s, 5m, 2h, 1d)"


def read(text: str) -> int | datetime:
    """A version, or a time with its zone. Raises CannotLookError."""
    if text.isdecimal():
        return int(text)
    if ago := re.fullmatch(r"(\d+)([smhd])", text):
        return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CannotLookError(f"--until {text}: it must be {WORDS}.") from None
    return found if found.tzinfo else found.astimezone()
