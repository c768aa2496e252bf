"""The local runtime as the commands see it: its supervisor starts, watches and stops every process."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.errors import CommandError
from cli.processes import Part
from local.control import Control, Running, here
from runtime.errors import NotUpError


class LocalRuntime:
    """`processes.Runtime` of `deploy/local`: the system that DEMAE_STATE names, or that of this checkout."""

    def parts(self) -> list[Part]:
        with control() as running:
            return [described(name, one) for name, one in running.running().items()]

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
    return Part(name, one.state.word, one.state.pid or None, one.part.health or None, not one.part.autostart)


@contextmanager
def control() -> Iterator[Control]:
    """The running system; CommandError when there is none."""
    try:
        yield here()
    except NotUpError as error:
        raise CommandError(str(error)) from error
