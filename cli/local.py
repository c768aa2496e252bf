"""The local runtime as the commands see it: its supervisor starts, watches and stops every process."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx

from cli.errors import CommandError
from cli.health import Health, ask
from cli.prerequisites import Finding, for_processes
from cli.processes import Part
from local.control import Control, Running, here
from runtime.errors import NotUpError


class LocalRuntime:
    """`processes.Runtime` of `deploy/local`: the system that DEMAE_STATE names, or that of this checkout."""

    def parts(self) -> list[Part]:
        with control() as running:
            return [described(name, one) for name, one in running.running().items()]

    def health(self, parts: Sequence[Part]) -> dict[str, Health]:
        with control() as running:
            found = running.running()
        bases = {part.name: found[part.name].part.health for part in parts if part.running}
        return asyncio.run(ask_all({name: base for name, base in bases.items() if base}))

    def prerequisites(self) -> list[Finding]:
        return for_processes()

    def kill(self, name: str) -> None:
        with control() as running:
            running.kill(name)

    def stop(self, name: str) -> None:
        with control() as running:
            running.stop(name)

    def start(self, name: str) -> None:
        with control() as running:
            running.start(name)


def described(name: str, one: Running) -> Part:
    """What the commands need of it."""
    return Part(name, one.state.word, one.state.pid or None, not one.part.autostart)


async def ask_all(bases: Mapping[str, str]) -> dict[str, Health]:
    """All at once."""
    async with httpx.AsyncClient() as client:
        answers = await asyncio.gather(*(ask(client, base) for base in bases.values()))
    return dict(zip(bases, answers, strict=True))


@contextmanager
def control() -> Iterator[Control]:
    """The running system; CommandError when there is none."""
    try:
        yield here()
    except NotUpError as error:
        raise CommandError(str(error)) from error
