"""How a Java program is started here: small, and quiet while nothing happens."""

import os
import shutil
from pathlib import Path

# The serial collector has no threads of its own; the sizes are what a day of orders needs, with room.
BROKER = ("-Xms96m", "-Xmx320m", "-XX:+UseSerialGC", "-Xss512k", "-XX:ReservedCodeCacheSize=64m")
CONNECT = ("-Xms96m", "-Xmx320m", "-XX:+UseSerialGC", "-Xss512k", "-XX:ReservedCodeCacheSize=64m")
TOOL = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# glibc gives every thread's allocations an arena of 64 MB of address space; two are enough.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}


def program() -> str:
    """The `java` of JAVA_HOME, else of the path."""
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        return str(Path(home) / "bin" / "java")
    return shutil.which("java") or "java"


def command(jars: Path, options: tuple[str, ...], temporary: Path | None = None) -> list[str]:
    """Everything up to the main class. One that is killed leaves unpacked native code in `temporary`."""
    own = [f"-Djava.io.tmpdir={temporary}"] if temporary else []
    return [program(), *options, *own, "-cp", str(jars / "*")]
