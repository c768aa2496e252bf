"""`python -m chaos`: break a system of its own for some minutes. Exit 1 when anything was violated."""

import json
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console

from chaos import report, run
from chaos.judge import Judgement, judged, look_back
from chaos.plan import Plan
from chaos.run import Played
from chaos.verdict import late, violations, wronged
from ground.failure import said
from ground.stack import Stack
from runtime.errors import Refusal
from runtime.layout import ROOT

SHOWN = 20
TELL_SECONDS = 10.0
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


class Progress:
    """A line on a terminal, rewritten; elsewhere a line every ten seconds."""

    def __init__(self) -> None:
        self._last = -TELL_SECONDS

    def __call__(self, text: str) -> None:
        if console.is_terminal:
            print(f"\r\033[K{text[: console.width - 1]}", end="", flush=True)
        elif time.monotonic() - self._last >= TELL_SECONDS:
            self._last = time.monotonic()
            print(text, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if console.is_terminal:
            print("\r\033[K", end="", flush=True)


@app.command()
def main(  # noqa: PLR0913, PLR0917 - a command's options
    minutes: Annotated[float, typer.Option(min=0.5, help="How long orders arrive.")] = 15.0,
    seed: Annotated[int, typer.Option(help="The same seed is the same schedule of faults and wishes.")] = 1,
    rate: Annotated[float, typer.Option(min=1, help="Orders a second, open loop.")] = 24.0,
    runtime: Annotated[str, typer.Option(help="local or compose.")] = "local",
    keep: Annotated[bool, typer.Option(help="Leave the system up at the end, until Ctrl-C.")] = False,
    limits: Annotated[bool, typer.Option(help="Judge how long each part takes to work again.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default .run/chaos/SEED-TIME.")] = None,
) -> None:
    """A system of its own under load with every journey, broken at random, healed, and judged from outside."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started ends with us
    folder = out or ROOT / ".run" / "chaos" / f"{seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    plan = Plan(minutes, seed, rate, runtime, folder, keep, limits)
    if folder.exists() and any(folder.iterdir()):
        raise typer.BadParameter(f"{folder} is not empty: another run's results are in it", param_hint="--out")
    for made in (plan.histories, plan.failpoints):
        made.mkdir(parents=True)
    try:
        last = tried(plan)
    except Refusal as refused:
        console.print(f"Chaos cannot run: {refused}", style="red", markup=False)
        raise typer.Exit(2) from refused
    except KeyboardInterrupt:
        console.print(f"\nEnded early; nothing runs any more. What was seen is in {folder}.")
        raise typer.Exit(130) from None
    print(json.dumps(last))
    raise typer.Exit(1 if last["violations"] else 0)


def tried(plan: Plan) -> Mapping[str, Any]:
    """The run, judged, told and written down before anybody waits; -> its figures."""
    say = Progress()
    with _stack(plan.runtime)(**plan.settings) as stack:
        played = uvloop.run(run.play(stack, plan, say))
        judgement = judged(stack, plan, say)
        found = violations(played.stories, played.met, played.poisoned, played.broken, played.left)
        found += [*(late(played.met) if plan.limits else ()), *judgement.violations]
        last = report.write(plan, played, found)
        shutil.copy(stack.provider_log, plan.out / "provider.jsonl")
        say.end()
        _tell(plan, played, found, judgement)
        if found:
            _keep_evidence(stack, plan, say, played, judgement)
            say.end()
        if plan.keep:
            _wait(stack)
    return last


def _tell(plan: Plan, played: Played, found: Sequence[str], judgement: Judgement) -> None:
    """For a person."""
    console.print(report.tables(played, judgement), "", f"violations: {len(found)}")
    for violation in found[:SHOWN]:
        console.print(violation, style="red", markup=False)
    console.print(f"All of it is in {plan.out}.")


def _keep_evidence(stack: Stack, plan: Plan, say: Progress, played: Played, judgement: Judgement) -> None:
    """For a person who looks for the reason: the system is gone afterwards."""
    known = {story.id for story in played.stories if story.id}
    wrong = [story.id for story in wronged(played.stories, played.met, played.poisoned) if story.id]
    look_back(stack, plan, say, sorted({*wrong, *known.intersection(judgement.about)})[:SHOWN])
    (plan.out / "logs").mkdir(exist_ok=True)
    for process in stack.processes():
        (plan.out / "logs" / f"{process}.log").write_text(said(stack, process))


def _stack(runtime: str) -> Callable[..., AbstractContextManager[Stack]]:
    """Each runtime is imported when it is the one."""
    if runtime == "compose":
        from ground.stack_compose import build, compose_stack  # noqa: PLC0415

        build(print)
        return compose_stack
    if runtime == "local":
        from ground.stack_local import local_stack  # noqa: PLC0415

        return local_stack
    raise Refusal(f"--runtime {runtime}: there are local and compose.")


def _wait(stack: Stack) -> None:
    """Until Ctrl-C."""
    variables = " ".join(f"{name}={value}" for name, value in stack.person().items() if name != "PYTHONPATH")
    console.print(f"The system is up: {variables} ./demae …   Ctrl-C ends it.", markup=False)
    try:
        signal.pause()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    app()
