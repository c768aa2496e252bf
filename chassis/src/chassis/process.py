"""What every synchronous process does around its parts: logging, health, signals, an orderly end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from chassis import failpoints, prerequisites, telemetry
from chassis.cap import Cap
from chassis.errors import Fatal
from chassis.health import Health, Part
from chassis.prerequisites import Prerequisites
from chassis.settings import ProcessSettings, ServiceSettings
from chassis.telemetry import log

WATCH_SECONDS = 5.0  # between two looks at the parts; dead at two of them in a row is dead


@runtime_checkable
class Background(Protocol):
    """A part with threads of its own."""

    def start(self) -> None:
        """Returns at once."""

    def stop(self) -> None:
        """Waits for what is at hand."""


@runtime_checkable
class Reading(Protocol):
    """A part that reads topics."""

    topics: Sequence[str]


@runtime_checkable
class Capped(Protocol):
    """A part that sets events aside."""

    def limit(self, cap: Cap) -> None:
        """Before `run`."""


class Main(Part, Protocol):
    """The part that runs in the main thread until it is stopped."""

    def run(self) -> None:
        """Blocks until `stop`."""

    def stop(self) -> None:
        """From a signal handler: returns at once."""


class Process:
    """One process of a service."""

    def __init__(self, name: str, settings: ProcessSettings) -> None:
        self._name = name
        self._settings = settings
        telemetry.configure(name, settings.log_level, settings.log_format)
        failpoints.enter(name)

    def run(
        self, main: Main, *background: Part, views: Sequence[str] = (), looks: Sequence[prerequisites.Look] = ()
    ) -> None:
        """Wait for what the process needs, start the background parts, run `main` until SIGTERM or SIGINT, then stop
        them in reverse.

        A service needs its database, its own migrations, the topics of its parts and `views` of other services
        (`schema.name`); `looks` are its own, after those. Ends the process with code 1 when `main` raises Fatal or a
        part is no longer alive: the supervisor restarts it, the log says why.
        """
        waiting = Prerequisites([*self._needs([main, *background], views), *looks])
        parts: list[Part] = [waiting]
        health = Health(self._settings.health_host, self._settings.health_port, parts)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _stop(waiting, main))
        health.start()
        try:
            if waiting.wait():
                parts[:] = [main, *background]
                self._limit(parts)
                self._work(main, background)
        finally:
            health.close()
            log.info("ended", event_key="process.ended")

    def _needs(self, parts: Sequence[Part], views: Sequence[str]) -> Sequence[prerequisites.Look]:
        if not isinstance(self._settings, ServiceSettings):
            return []
        topics = [topic for part in parts if isinstance(part, Reading) for topic in part.topics]
        return prerequisites.of_service(self._settings, topics, views)

    def _limit(self, parts: Sequence[Part]) -> None:
        if isinstance(self._settings, ServiceSettings):
            cap = Cap(self._settings.parked_cap, self._settings.parked_cap_seconds)
            for part in parts:
                if isinstance(part, Capped):
                    part.limit(cap)

    def _work(self, main: Main, background: Sequence[Part]) -> None:
        started = [part for part in background if isinstance(part, Background)]
        ended = threading.Event()
        threading.Thread(target=self._watch, args=([main, *background], ended), name="watch", daemon=True).start()
        try:
            for part in started:
                part.start()
            log.info("started", event_key="process.started")
            main.run()
        except Fatal as error:
            log.critical(str(error), event_key="process.fatal")
            raise SystemExit(1) from error
        finally:
            ended.set()
            for part in reversed(started):
                part.stop()

    @staticmethod
    def _watch(parts: Sequence[Part], ended: threading.Event) -> None:
        """Not every supervisor asks for liveness, and a part that died leaves a process that looks well."""
        before: list[str] = []
        while not ended.wait(WATCH_SECONDS):
            dead = [type(part).__name__ for part in parts if not part.alive()]
            if still := sorted(set(dead) & set(before)):
                log.critical("a part of the process is dead", event_key="process.dead", parts=still)
                os._exit(1)
            before = dead


def _stop(waiting: Prerequisites, main: Main) -> None:
    """Whichever of them the process is at."""
    waiting.stop()
    main.stop()
