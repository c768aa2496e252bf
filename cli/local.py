"""The local runtime as the commands see it: its supervisor starts, watches and stops every process."""

from cli.errors import CommandError
from cli.processes import Part


class LocalRuntime:
    """`processes.Runtime` of `deploy/local`."""

    def parts(self) -> list[Part]:
        raise CommandError("The local runtime is not up: `make up` starts it.")

    def kill(self, name: str) -> None:
        raise CommandError(f"{name}: the local runtime is not up: `make up` starts it.")

    def start(self, name: str) -> None:
        raise CommandError(f"{name}: the local runtime is not up: `make up` starts it.")
