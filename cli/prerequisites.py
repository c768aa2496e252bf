"""What the machine must bring: Python, Java and Maven, each with the line that installs it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

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


def all_of_them() -> list[Finding]:
    """Every prerequisite, present or not."""
    return [python(), java(), maven()]
