"""Idempotency keys, with Stripe's semantics.

The same key with the same request gets the first answer again, errors included, once execution had begun. With another
request it is refused (400), while the first is still being executed it is refused too (409). What was refused before
execution is forgotten, so the key can be used for a corrected request.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from provider import errors
from provider.errors import Refusal
from provider.store import REFUSED, Line, Store

KEY_LENGTH_MAX = 255


def fingerprint(method: str, path: str, params: Mapping[str, str]) -> str:
    """Equal for equal requests, whatever the order of their parameters."""
    text = repr((method, path, sorted(params.items())))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class Keys:
    """The keys that are being executed now; the finished ones stand in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: set[str] = set()

    def saved(self, key: str | None, print_of_request: str) -> Line | None:
        """The answer this key already has; raises a Refusal when the key belongs to another request or is too long."""
        if key is None:
            return None
        if len(key) > KEY_LENGTH_MAX:
            raise errors.invalid("Idempotency-Key", f"Keys can be up to {KEY_LENGTH_MAX} characters long.")
        if key in self._running:
            raise errors.key_in_use(key)
        saved = self._store.keys.get(key)
        if saved is None:
            return None
        if saved.fingerprint != print_of_request:
            raise errors.key_reused(key)
        return self._store.answer(saved)

    def spoil(self, key: str | None, refusal: Refusal) -> None:
        """From now on this is what the key is answered with, as when an execution ends in the middle of its work."""
        saved = self._store.keys.get(key or "")
        if saved is not None:
            body = msgspec.Raw(msgspec.json.encode(refusal.body))
            first = self._store.answer(saved)
            spoilt = msgspec.structs.replace(first, type=REFUSED, status=refusal.status, body=body, amount=None)
            self._store.append(spoilt, None)

    @contextmanager
    def running(self, key: str | None) -> Iterator[None]:
        """Hold the key while its request is executed."""
        if key is None:
            yield
            return
        self._running.add(key)
        try:
            yield
        finally:
            self._running.discard(key)
