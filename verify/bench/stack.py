"""The running system under measure, whichever runtime holds it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ground.provider_faults import ProviderFaults
from runtime import layout
from runtime.choose import COMPOSE, remembered
from runtime.errors import Refusal
from runtime.system import System


class StackError(Exception):
    """There is nothing to measure; says why."""


class Stack(Protocol):
    """Addresses, secrets and process ids of one system on this machine."""

    @property
    def url(self) -> str:
        """The edge, without a slash at the end."""

    @property
    def jwt_secret(self) -> str: ...

    @property
    def kafka(self) -> str:
        """The broker's host and port."""

    @property
    def layout(self) -> layout.Layout: ...

    @property
    def passwords(self) -> Mapping[str, str]:
        """Database passwords by role."""

    @property
    def pids(self) -> Mapping[str, int]:
        """Part → the process whose family it is; what runs the parts too. Empty where the machine does not show it."""

    @property
    def provider_log(self) -> Path:
        """The provider's own log: the file itself, or a copy of this moment."""

    @property
    def provider_faults(self) -> ProviderFaults:
        """What makes trouble at the provider."""

    def database(self, role: str, name: str = "demae", password: str | None = None) -> str:
        """A database's address for a role."""

    def environment(self, process: str) -> Mapping[str, str]:
        """What one of our processes needs to run beside the system, on this machine."""


@dataclass(frozen=True)
class Known:
    """What every runtime's system answers in the same words."""

    pids: Mapping[str, int]
    known: System

    @property
    def url(self) -> str:
        return self.known.url

    @property
    def jwt_secret(self) -> str:
        return self.known.keys.jwt

    @property
    def provider_faults(self) -> ProviderFaults:
        return ProviderFaults(self.known.provider_url, self.known.keys.provider)

    @property
    def layout(self) -> layout.Layout:
        return self.known.layout

    @property
    def passwords(self) -> Mapping[str, str]:
        return self.known.keys.database


def find(say: Callable[[str], None]) -> Stack:
    """The system that DEMAE_STATE names, or that of this checkout. Raises StackError when it is not up."""
    state = layout.from_environment(os.environ).state
    try:
        # Each runtime is imported when it is the one.
        if remembered(state) == COMPOSE:
            from bench.stack_compose import find_compose  # noqa: PLC0415

            return find_compose(say)
        from bench.stack_local import find_local  # noqa: PLC0415

        return find_local()
    except Refusal as error:
        raise StackError(str(error)) from error
