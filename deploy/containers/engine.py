"""The container engine, by its own command line: is there one, is it fit, and what it says. Standard library only."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.errors import Refusal

API = (1, 44)  # Engine 25: health checks that look more often at the start
COMPOSE = (2, 24)
MEMORY_GB = 3.0  # the whole system takes half of it; a Java that starts beside a build takes the rest
ANSWER_SECONDS = 20.0
ANSWERED = "Error response from daemon"  # and what it says then is about somebody else, such as a registry
GONE = re.compile(
    r"cannot connect to the docker daemon|error during connect|connection refused|EOF$|is the docker daemon", re.I
)
FORBIDDEN = re.compile(r"permission denied while trying to connect", re.I)
OLD_CLIENT = re.compile(r"client version [\d.]+ is too old\. Minimum supported API version is [\d.]+", re.I)
OTHER = "or begin a system without containers: RUNTIME=local make up"


class EngineError(Refusal):
    """What the engine refused; the message is its own last line."""


class EngineGone(Refusal):
    """No engine answers."""


@dataclass(frozen=True)
class Said:
    """The end of a command."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The line that says why."""
        return next((line for line in reversed(self.err.splitlines()) if line.strip()), "no reason given").strip()


Runner = Callable[[Sequence[str], str | None, Mapping[str, str] | None, float | None], Said]
"""Runs words with an input and an environment for so many seconds. FileNotFoundError: there is no such program."""


def run(words: Sequence[str], text: str | None, variables: Mapping[str, str] | None, seconds: float | None) -> Said:
    """The Runner of everybody but the tests."""
    try:
        done = subprocess.run(
            words, input=text or "", env=variables, timeout=seconds, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        return Said(124, "", f"error during connect: no answer in {seconds:.0f} s")
    return Said(done.returncode, done.stdout, done.stderr)


class Engine:
    """Every method raises EngineGone when no engine answers, EngineError when it refuses."""

    def __init__(self, runner: Runner = run) -> None:
        self._run = runner

    def ask(self, *words: str, text: str | None = None, variables: Mapping[str, str] | None = None) -> str:
        """`docker WORDS`; -> what it printed."""
        said = self.attempt(*words, text=text, variables=variables)
        if said.code != 0:
            raise EngineError(said.last)
        return said.out

    def attempt(
        self,
        *words: str,
        text: str | None = None,
        variables: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Said:
        """The same for a caller who judges the exit code himself."""
        try:
            said = self._run(["docker", *words], text, variables, seconds)
        except FileNotFoundError:
            raise EngineGone("There is no program docker here: install Docker (25 or newer), " + OTHER) from None
        if said.code != 0:
            _refuse(said)
        return said

    def answers(self) -> bool:
        """Whether there is one, however old. Raises EngineError when it keeps this person, or this client, out."""
        try:
            return bool(self._api())
        except EngineGone:
            return False

    def refuse_unfit(self) -> None:
        """Raises Refusal with what is wrong and what to do: too old, no compose, too little memory."""
        if (api := self._api()) < API:
            raise EngineError(f"The container engine is too old (API {dotted(api)}): update Docker to 25, {OTHER}.")
        compose = numbers(self.attempt("compose", "version", "--short", seconds=ANSWER_SECONDS).out)
        if compose < COMPOSE:
            found = f"too old ({dotted(compose)})" if compose else "missing"
            raise EngineError(
                f"Docker's plug-in compose is {found}: install docker-compose-plugin ≥ {dotted(COMPOSE)}, {OTHER}."
            )
        memory = int(self._known("info", "--format", "{{.MemTotal}}")) / 1e9
        if memory < MEMORY_GB:
            raise EngineError(
                f"The container engine has {memory:.1f} GB of memory, and demae needs {MEMORY_GB:.0f}: "
                f"give it more (Docker Desktop: Settings, Resources), {OTHER}."
            )

    def inspect(self, kind: str, names: Sequence[str]) -> list[Any]:
        """`docker KIND inspect`, of those that are there; names that came or went meanwhile are left out."""
        found: list[Any] = json.loads(self.attempt(kind, "inspect", *names).out or "[]") if names else []
        return found

    def _api(self) -> tuple[int, ...]:
        said = self.attempt("version", "--format", "{{.Server.APIVersion}}", seconds=ANSWER_SECONDS)
        # A client that is newer than the engine understands refuses, and names the engine's version.
        if old := re.search(r"Maximum supported API version is ([\d.]+)", said.err):
            return numbers(old[1])
        if said.code != 0:
            raise EngineGone(f"The container engine does not answer ({said.last}). Start it, then do this again.")
        return numbers(said.out)

    def _known(self, *words: str) -> str:
        said = self.attempt(*words, seconds=ANSWER_SECONDS)
        if said.code != 0:
            raise EngineError(said.last)
        return said.out


def gone(words: str) -> bool:
    """Whether a client says that no engine answers; what an engine answered may quote somebody else's silence."""
    return ANSWERED not in words and bool(GONE.search(words))


def _refuse(said: Said) -> None:
    """Raises what is wrong between the client and the engine; nothing when the engine has heard the question."""
    if gone(said.err):
        raise EngineGone(f"The container engine does not answer ({said.last}). Start it, then do this again.")
    if FORBIDDEN.search(said.err):
        raise EngineError(
            "The container engine is there, and you may not use it (permission denied on its socket): "
            f"add yourself to its group (sudo usermod -aG docker $USER, then log in anew), {OTHER}."
        )
    if old := OLD_CLIENT.search(said.err):
        raise EngineError(f"The container engine refuses this program docker ({old[0]}): update it, {OTHER}.")


def numbers(text: str) -> tuple[int, ...]:
    """(2, 26) of `v2.26.1-4`; empty without one."""
    found = re.match(r"v?(\d+)\.(\d+)", text.strip())
    return (int(found[1]), int(found[2])) if found else ()


def dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
