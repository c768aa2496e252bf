"""What the machine must bring: Python, and Java with Maven or a container engine; each with how to install it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from containers.engine import Engine
from runtime.errors import Refusal

PYTHON = (3, 11)
JAVA = 17
INSTALL = "apt install maven (brings a Java), or brew install maven"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    well: bool
    detail: str
    remedy: str = ""


def python() -> Finding:
    """Python is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info >= PYTHON, found, "install Python 3.11 or newer")


def java(version: Callable[[], str | None] | None = None) -> Finding:
    """A Java runtime of at least version 17."""
    text = (version or java_version)()
    match = re.search(r'version "(\d+)', text or "")
    if match is None:
        return Finding("java", False, "not found", INSTALL)
    return Finding("java", int(match[1]) >= JAVA, match[1], f"Java {JAVA} or newer is needed: {INSTALL}")


def java_version() -> str | None:
    """What `java -version` prints, or None without a Java."""
    if shutil.which("java") is None:
        return None
    asked = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False, timeout=20)
    return asked.stderr + asked.stdout


def maven() -> Finding:
    """Maven, which fetches the broker and Debezium."""
    found = shutil.which("mvn")
    return Finding("maven", found is not None, found or "not found", INSTALL)


def engine(found: Engine | None = None) -> Finding:
    """A container engine that is fit."""
    try:
        (found or Engine()).refuse_unfit()
    except Refusal as refused:
        return Finding("engine", False, "not fit", str(refused))
    return Finding("engine", True, "answers, and is fit")


def for_processes() -> list[Finding]:
    """What local processes need, present or not."""
    return [python(), java(), maven()]


def for_containers() -> list[Finding]:
    """What containers need, present or not."""
    return [python(), engine()]
