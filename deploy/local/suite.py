"""`make test`: the checks, then every test. It has its own ports and data, so it runs beside a running `make up`.

The tests of the whole system run once on each runtime that is there, all others once. RUNTIME=compose or local leaves
one of them; the others' Postgres, broker and Connect are then in containers, too, or are processes.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from containers import images
from containers.engine import Engine
from local import check, fetch, prepare
from runtime import choose, layout
from runtime.errors import Refusal
from runtime.layout import ROOT

INTERRUPTED = 2  # what pytest says after Ctrl-C
WHERE = {choose.COMPOSE: "in containers", choose.LOCAL: "as local processes"}


@dataclass(frozen=True)
class Run:
    """One pytest, with these variables beside the environment's."""

    name: str
    words: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """How something ended; `code` is an exit code."""

    name: str
    code: int
    seconds: float


def main() -> int:
    """-> 0 when the checks are clean and every test passes. Arguments go to pytest, for one run in place of all."""
    try:
        runtimes = there()
        runs = [Run("tests", sys.argv[1:])] if sys.argv[1:] else plan(runtimes)
        _say("check")
        told = [timed("checks", lambda: 0 if check.check() else 1)]
        _prepare(runtimes)
        for run in runs:
            _say(run.name)
            told.append(timed(run.name, partial(pytest, run)))
            if told[-1].code == INTERRUPTED:
                break
    except Refusal as refused:
        print(f"\n{refused}", file=sys.stderr)
        return 1
    return summary(told)


def there(engine: Engine | None = None) -> list[str]:
    """The runtimes that tests run on here: the one that was asked for, else all. Raises Refusal when there is none."""
    wanted, found, lines = choose.forced(), [], []
    for name, why_not in ((choose.COMPOSE, _no_engine(engine or Engine())), (choose.LOCAL, prepare.java_missing())):
        if wanted == name and why_not:
            raise Refusal(f"RUNTIME={name}: " + "\n".join(why_not))
        found += [name] if not why_not and wanted in ("", name) else []
        lines += why_not
    if not found:
        raise Refusal(choose.nothing_here(lines))
    return found


def plan(runtimes: Sequence[str]) -> list[Run]:
    """What is about no runtime once, then the whole system on each."""
    parts = "processes" if choose.LOCAL in runtimes else "containers"
    others = Run("tests without a whole system", ["tests", "--ignore=tests/e2e"], {"DEMAE_PARTS": parts})
    return [others, *(Run(f"whole system {WHERE[name]}", ["tests/e2e"], {"RUNTIME": name}) for name in runtimes)]


def summary(told: Sequence[Told]) -> int:
    """Prints one line for each; -> the exit code of all."""
    _say("in all")
    for one in told:
        word = "passed" if one.code == 0 else f"FAILED ({one.code})"
        print(f"{one.name:<32} {word:<12} {one.seconds:>5.0f} s")
    return next((one.code for one in reversed(told) if one.code), 0)


def timed(name: str, work: Callable[[], int]) -> Told:
    """`work` gives its exit code."""
    began = time.monotonic()
    return Told(name, work(), time.monotonic() - began)


def pytest(run: Run) -> int:
    """-> its exit code. Ctrl-C is heard by pytest too, which then ends what it started: it is waited for."""
    words = [sys.executable, "-m", "pytest", *run.words]
    with subprocess.Popen(words, cwd=ROOT, env={**os.environ, **run.variables}) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _say(line: str) -> None:
    print(f"── {line}", flush=True)


def _no_engine(engine: Engine) -> list[str]:
    try:
        engine.refuse_unfit()
    except Refusal as refused:
        return [str(refused)]
    return []


def _prepare(runtimes: Sequence[str]) -> None:
    """Before the first test, whose time is bounded."""
    if choose.LOCAL in runtimes and fetch.fetch(layout.from_environment()):
        _say("fetched the broker, Connect and Debezium")
    if choose.COMPOSE in runtimes:
        images.ensure(ROOT, print)


if __name__ == "__main__":
    sys.exit(main())
