"""Relay connections: opaque cursors, bounded pages."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from api.errors import RequestError

DEFAULT_FIRST = 20
MAX_FIRST = 100

T = TypeVar("T")


def bounded(first: int | None) -> int:
    """The size of a page: 1 to MAX_FIRST. Raises RequestError."""
    if first is None:
        return DEFAULT_FIRST
    if not 1 <= first <= MAX_FIRST:
        raise RequestError(f"`first` is 1 to {MAX_FIRST}.")
    return first


def encode(*parts: str) -> str:
    """A cursor that clients hand back and do not read."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def decode(cursor: str, count: int) -> tuple[str, ...]:
    """The parts of a cursor of ours. Raises RequestError for any other text."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        parts = msgspec.json.decode(raw, type=tuple[str, ...])
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise RequestError("`after` is not a cursor of this list.") from error
    if len(parts) != count or any("\0" in part for part in parts):
        raise RequestError("`after` is not a cursor of this list.")
    return parts


def uuid_or_none(text: str) -> str | None:
    """The canonical form of a UUID; None for anything else."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


def connection(found: Sequence[T], first: int, node: Callable[[T], Any], cursor: Callable[[T], str]) -> dict[str, Any]:
    """A page of a list that was asked for one more than `first`."""
    edges = [{"cursor": cursor(item), "node": node(item)} for item in found[:first]]
    info = {"hasNextPage": len(found) > first, "endCursor": edges[-1]["cursor"] if edges else None}
    return {"edges": edges, "pageInfo": info}
