"""The payment provider as a process of its own, for tests that ask it over real HTTP."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stripe

from ground.ports import free_port
from ground.provider_faults import ProviderFaults
from ground.waiting import until

KEY = "sk_test_provider"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class RunningProvider:
    """The provider as a process, and clients of it."""

    log: Path
    latency_ms: int = 0
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def faults(self) -> ProviderFaults:
        """What makes trouble there."""
        return ProviderFaults(self.url, KEY)

    def start(self) -> None:
        """Start, and wait until it answers."""
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "demo"),
            "HTTP_PORT": str(self.port),
            "PROVIDER_KEY": KEY,
            "PROVIDER_LOG": str(self.log),
            "PROVIDER_LATENCY_MS": str(self.latency_ms),
        }
        self.process = subprocess.Popen([sys.executable, "-m", "provider"], env=environment)
        until(self._answers, what="the provider's answer")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End the process; -> its exit code."""
        assert self.process is not None, "it was not started"
        self.process.send_signal(number)
        return self.process.wait(10)

    def client(self, key: str = KEY) -> stripe.StripeClient:
        """The SDK as anybody would use it, with its own HTTP client."""
        return stripe.StripeClient(key, base_addresses={"api": self.url}, max_network_retries=0)

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """The log's lines of one type."""
        return [line for line in map(json.loads, self.log.read_text().splitlines()) if line["type"] == kind]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def running_provider(log: Path, latency_ms: int = 0) -> Iterator[RunningProvider]:
    """A provider for the length of a block."""
    running = RunningProvider(log, latency_ms)
    try:
        running.start()
        yield running
    finally:
        running.kill()
