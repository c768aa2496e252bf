"""Builds all stand-ins: the base first, then a target of deploy/offline/Dockerfile each. What is built stays."""

import time
from collections.abc import Callable
from pathlib import Path

from containers import build as docker
from offline import base

PREFIX = "demae-offline"
DEBIAN = f"{PREFIX}/debian:trixie-slim"
# Target → name. `build` begins them in this order: long ones first, and those that others wait for.
TARGETS = {
    "jre": "jre:21",
    "python": "python:3.13-slim",
    "postgres": "postgres:17",
    "maven": "maven:3",
    "kafka": "kafka:4.3.1",
    "connect": "connect:3.6",
    "caddy": "caddy:2",
}


def build(root: Path, say: Callable[[str], None]) -> None:
    """Raises Refusal with what is wrong and what to do."""
    began = time.monotonic()
    if base.ensure(DEBIAN):
        say(docker.line("debian:trixie-slim", DEBIAN, time.monotonic() - began))
    docker.build(root, [_build(target, name) for target, name in TARGETS.items()], say)


def _build(target: str, name: str) -> docker.Build:
    return docker.Build(name, f"{PREFIX}/{name}", "deploy/offline/Dockerfile", target)
