"""One system: each provocation while it is sound, then as the mutant; after each the check on what was placed since."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from chaos.town import Target, Town
from check.history import Recorder
from check.report import wrong
from ground.stack_local import LocalStack
from mutants.catalogue import MUTANTS
from mutants.provocations import ALLOWANCES, PROVOCATIONS, Stage
from runtime.layout import ROOT, SOURCES

INJECT = ROOT / "verify" / "mutants" / "inject"
SETTLE_SECONDS = 40.0
QUIET_SECONDS = 20.0
LATE_SECONDS = 4.0  # that a version may take to an open stream: half of the notifier's shortest sweep

Say = Callable[[str], None]


@dataclass(frozen=True)
class Caught:
    """What became of one mutant. `sound`: what the check found violated without it, under the same provocation."""

    name: str
    violated: Mapping[str, Sequence[str]]
    sound: Mapping[str, Sequence[str]]
    seconds: float

    @property
    def seen(self) -> str:
        """The sentence that tells of what it does; empty while it lives."""
        return MUTANTS[self.name].seen(self.violated)

    @property
    def killed(self) -> bool:
        """The check saw it, by what it does, and saw nothing where nothing was wrong."""
        return bool(self.seen) and not self.sound


@dataclass
class Theatre:
    """A system and what was played on it."""

    stack: LocalStack
    folder: Path
    say: Say
    _played: int = 0

    def kill(self, provocation: str, names: Sequence[str]) -> list[Caught]:
        """Mutants of one provocation, one after the other; before them and behind them it is played without one."""
        before = self._sound(provocation)
        tried = [self._try(name) for name in names]
        behind = self._sound(provocation)
        sound = {name: [*before.get(name, ()), *behind.get(name, ())] for name in (*before, *behind)}
        return [replace(one, sound=sound) for one in tried]

    def _sound(self, provocation: str) -> Mapping[str, Sequence[str]]:
        self.say(f"{provocation}, on a sound system")
        return self.play(provocation)

    def _try(self, name: str) -> Caught:
        provocation, began = MUTANTS[name].provocation, time.monotonic()
        self.say(f"{provocation}, with the mutant: {name}")
        with self._mutated(name):
            violated = self.play(provocation)
        return Caught(name, violated, {}, time.monotonic() - began)

    @contextmanager
    def _mutated(self, name: str) -> Iterator[None]:
        """Only the processes that the mutant is about are started anew."""
        self._become(name, name)
        try:
            yield
        finally:
            self._become(name, "")

    def _become(self, name: str, what: str) -> None:
        mutant_file(self.folder).write_text(what)
        for program in MUTANTS[name].processes:
            process = program.replace(" ", "-")
            self.stack.kill(process)
            self.stack.wait_ready(process)

    def play(self, provocation: str) -> Mapping[str, Sequence[str]]:
        """-> invariant → sentences, of what the check finds violated."""
        self._played += 1
        histories = self.folder / f"{self._played:02}"
        histories.mkdir()
        began = datetime.now(UTC)
        uvloop.run(self._play(provocation, histories))
        return check(self.stack, began, histories)

    async def _play(self, provocation: str, histories: Path) -> None:
        failpoints = self.folder / "failpoints"
        with Recorder(histories / "mutants.jsonl", "mutants") as recorder:
            recorder.note("allowances", **ALLOWANCES)
            town = Town(Target(self.stack.url, self.stack.jwt_secret, int(time.time())), recorder)
            stage = Stage(self.stack, town, recorder, failpoints)
            try:
                await town.begin()
                await PROVOCATIONS[provocation](stage)
                await stage.until(lambda: not town.unsettled(), SETTLE_SECONDS)
            finally:
                await town.end()


def check(stack: LocalStack, since: datetime, histories: Path) -> Mapping[str, Sequence[str]]:
    """What `python -m check` finds wrong with the orders placed since then, or could not judge of them."""
    options = ["--since", since.isoformat(), "--histories", str(histories), "--quiet-first", str(QUIET_SECONDS)]
    words = [sys.executable, "-m", "check", *options, "--late", str(LATE_SECONDS), "--json"]
    told = subprocess.run(words, env={**os.environ, **stack.person()}, capture_output=True, text=True, check=False)
    if told.returncode not in (0, 1):
        raise RuntimeError(f"the check cannot look: {told.stderr}")
    found: dict[str, Any] = json.loads(told.stdout)
    (histories / "check.json").write_text(told.stdout)
    return wrong(found)


def settings(folder: Path) -> dict[str, str]:
    """For every service of the system."""
    (folder / "failpoints").mkdir(exist_ok=True)
    mutant_file(folder).write_text("")
    path = os.pathsep.join([str(INJECT), *(str(ROOT / part) for part in SOURCES)])
    own = {"PYTHONPATH": path, "DEMAE_MUTANT": str(mutant_file(folder))}
    return {**own, "ALLOWANCES": json.dumps(ALLOWANCES), "FAILPOINTS": str(folder / "failpoints")}


def mutant_file(folder: Path) -> Path:
    """What it says is read by each process when it starts."""
    return folder / "mutant"


def by_provocation(names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Provocation → the mutants of these names, or all of them."""
    chosen = names or list(MUTANTS)
    played = {one: [name for name in chosen if MUTANTS[name].provocation == one] for one in PROVOCATIONS}
    return {provocation: mutants for provocation, mutants in played.items() if mutants}
