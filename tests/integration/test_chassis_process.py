"""A process around its parts: health over HTTP, an orderly end on SIGTERM."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground.ports import free_port
from ground.waiting import until

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import os
import threading
from chassis import process
from chassis.process import Process
process.WATCH_SECONDS = 0.1
from chassis.settings import ProcessSettings, load

class Main:
    def __init__(self): self.end = threading.Event()
    def run(self):
        while not self.end.wait(0.1): pass
        print("batch finished", flush=True)
    def stop(self): self.end.set()
    def alive(self): return not os.environ.get("DEAD")
    def ready(self): return "not yet"

Process("sample", load(ProcessSettings)).run(Main())
"""


def ask(port: int, path: str) -> tuple[int, bytes]:
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The program and its health port."""
    port = free_port()
    environment = {"HEALTH_PORT": str(port), "HEALTH_HOST": "127.0.0.1", "PYTHONPATH": str(ROOT / "chassis" / "src")}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE) as child:
        try:
            until(lambda: ask(port, "/live")[0] == 200)
            yield child, port
        finally:
            child.kill()


def test_readiness_gives_reasons(process: tuple[subprocess.Popen[bytes], int]) -> None:
    """Not ready is 503 with what is missing; metrics are served all the same."""
    status, body = ask(process[1], "/ready")
    assert (status, json.loads(body)) == (503, {"ready": False, "reasons": ["not yet"]})
    assert ask(process[1], "/metrics")[0] == 200


def test_sigterm_ends_in_order(process: tuple[subprocess.Popen[bytes], int]) -> None:
    """SIGTERM lets the batch at hand finish, and the exit code is 0."""
    child, _ = process
    child.send_signal(signal.SIGTERM)
    assert child.communicate(timeout=10)[0] == b"batch finished\n"
    assert child.returncode == 0


def test_dead_part_ends_the_process() -> None:
    """A part that is no longer alive leaves no process behind that looks well: it ends, to be started anew."""
    environment = {"HEALTH_PORT": str(free_port()), "PYTHONPATH": str(ROOT / "chassis" / "src"), "DEAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert b"process.dead" in done.stderr
