"""A compose project of a test run, through testcontainers: named after the run, gone at its end."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from ground import container_runs, ownership

from testcontainers.compose import DockerCompose  # isort: skip  (after `container_runs`, which sets its environment)

LAST = 30  # lines
SECONDS = 240.0  # compose itself gives up on what stays unhealthy, sooner


class ComposeError(RuntimeError):
    """`docker compose` failed; says what it said."""


@dataclass
class Project(DockerCompose):
    """testcontainers' DockerCompose, with the run's name and with `variables` that win over the process's own."""

    variables: Mapping[str, str] = field(default_factory=dict)
    name: str = field(default_factory=container_runs.run_name)

    @cached_property
    def compose_command_property(self) -> list[str]:
        binary, compose, *options = super().compose_command_property
        return [binary, compose, "--project-name", self.name, *options]

    def call(self, *words: str) -> str:
        """A command of `docker compose` for this project; -> what it printed. Raises ComposeError."""
        return self._run_command([*self.compose_command_property, *words]).stdout.decode(errors="replace")

    def _run_command(self, cmd: str | list[str], context: str | None = None) -> subprocess.CompletedProcess[bytes]:
        # A group of its own: Ctrl-C is for the run to answer, and killing the program leaves its plug-in no life.
        process = subprocess.Popen(
            cmd,
            cwd=context or str(self.context),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **ownership.mark(), **self.variables},
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(timeout=SECONDS)
        except BaseException as ended:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(ended, subprocess.TimeoutExpired):
                raise ComposeError(f"{' '.join(cmd[-3:])} took longer than {SECONDS:.0f} s") from None
            raise
        if process.returncode:
            said = "\n".join(errors.decode(errors="replace").splitlines()[-LAST:])
            raise ComposeError(f"{' '.join(cmd[-3:])} exited {process.returncode}:\n{said}")
        return subprocess.CompletedProcess(cmd, process.returncode, output, errors)


@contextmanager
def running(project: Project) -> Iterator[Project]:
    """Up and healthy; at the end nothing of it is left, however the block ended."""
    container_runs.sweep()
    try:
        project.start()
        yield project
    finally:
        container_runs.remove(project.name)
