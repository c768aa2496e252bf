"""The provider's `/faults`, for whoever makes trouble: demo/provider/README.md says what there is."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

SECONDS = 10.0


@dataclass(frozen=True)
class ProviderFaults:
    """Of the provider at `url`, whose bearer key this is."""

    url: str
    key: str

    def set(self, **faults: float) -> None:
        """In place of what was, from now on; the counts begin anew. Raises urllib's errors."""
        self._ask("PUT", json.dumps(faults).encode())

    def heal(self) -> None:
        """All is well from now on; what was done can still be asked."""
        self._ask("DELETE")

    def look(self) -> dict[str, Any]:
        """`faults` in force; and since they were set: `calls`, `done` (fault → calls), `orders` that were hit."""
        return self._ask("GET")

    @contextmanager
    def during(self, **faults: float) -> Iterator[None]:
        """For the length of a block."""
        self.set(**faults)
        try:
            yield
        finally:
            self.heal()

    def _ask(self, method: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/faults", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            said: dict[str, Any] = json.load(answer)
        return said
