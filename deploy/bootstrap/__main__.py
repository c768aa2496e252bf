"""`python -m bootstrap once`: make what is missing, and end. `python -m bootstrap watch`: see to it from now on."""

import argparse
import signal
import sys
import time
from typing import NoReturn

import psycopg

from bootstrap.reconcile import Reconciler
from bootstrap.settings import Settings
from bootstrap.watch import Watch
from chassis.database import said
from chassis.errors import Fatal, Transient
from chassis.process import Process
from chassis.settings import load

PAUSE_SECONDS = 0.5


def once(settings: Settings, seconds: float) -> None:
    """Says what it made. Waits up to `seconds` for Postgres and Kafka, then ends with code 1 and the reason."""
    deadline = time.monotonic() + seconds
    made: list[str] = []

    def tell(line: str) -> None:
        made.append(line)
        _say(line)

    reconciler = Reconciler(settings, tell, _say)
    waiting = ""
    while reason := _try(reconciler):
        if time.monotonic() >= deadline:
            _fail(f"gave up after {seconds:.0f} s: {reason}")
        if reason != waiting:
            _say(f"waiting: {reason}")
        waiting = reason
        time.sleep(PAUSE_SECONDS)
    if not made:
        _say("everything is there: database, roles, tables and topics")


def _try(reconciler: Reconciler) -> str:
    """-> what is not there yet; empty when all is done."""
    try:
        reconciler.round()
    except Transient as error:
        return str(error)
    except (Fatal, psycopg.Error) as error:
        _fail(said(error))
    return ""


def _say(line: str) -> None:
    print(line, flush=True)


def _fail(reason: str) -> NoReturn:
    print(f"bootstrap: {reason}", file=sys.stderr)
    raise SystemExit(1)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="bootstrap", description="Make database, roles, tables and topics.")
    commands = parser.add_subparsers(dest="command", required=True)
    single = commands.add_parser("once", help="make what is missing, and end")
    single.add_argument("--seconds", type=float, default=120.0, help="wait so long for both servers (%(default)s)")
    commands.add_parser("watch", help="do so again and again; /ready on HEALTH_PORT after the first success")
    arguments = parser.parse_args()
    settings = load(Settings)
    if arguments.command == "watch":
        Process("bootstrap", settings).run(Watch(settings))
    else:
        # The first process of a container is not ended by a signal that it does not handle.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        once(settings, arguments.seconds)


if __name__ == "__main__":
    main()
