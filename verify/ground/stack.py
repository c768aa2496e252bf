"""A whole system for end-to-end tests: what a test may ask of it, wherever it runs.

Three implementations: stack_local.py (processes), stack_compose.py (containers), stack_url.py (one that is there).
"""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NoReturn, Protocol

import jwt

from ground.provider_faults import ProviderFaults

# What not every stack can do; a test names what it needs: @pytest.mark.needs("kill", "database").
ABILITIES = frozenset(
    {
        "kill",  # kill()
        "stop",  # stop(), start()
        "pause",  # pause(), resume()
        "processes",  # names, logs, incarnations, environments and metrics of processes; wait_ready()
        "settings",  # settings()
        "database",  # database_url("verify")
        "roles",  # database_url() of every other role
        "provider log",  # provider_log
        "provider faults",  # provider_url, provider_key, provider_faults
        "brokers",  # kafka_bootstrap, connect_url
        "state",  # person() has a DEMAE_STATE
    }
)


def unable() -> NoReturn:
    """What a stack does that has not the ability."""
    raise NotImplementedError("this stack cannot do that: see its abilities")


class Stack(Protocol):
    """A running system. Names of processes are those of `make status`: "api-http", "payment", …"""

    @property
    def abilities(self) -> frozenset[str]:
        """Which of ABILITIES it has; what it cannot do raises NotImplementedError."""

    @property
    def url(self) -> str:
        """The edge, without a slash at the end; GraphQL is at /graphql."""

    @property
    def ws_url(self) -> str:
        """The address for subscriptions."""

    @property
    def kafka_bootstrap(self) -> str:
        unable()

    @property
    def connect_url(self) -> str:
        unable()

    @property
    def jwt_secret(self) -> str: ...

    @property
    def provider_log(self) -> Path:
        """The provider's own append-only log, JSON lines: the file itself, or a copy of this moment."""
        unable()

    @property
    def provider_url(self) -> str:
        """Where the payment provider answers; its /faults makes trouble."""
        unable()

    @property
    def provider_key(self) -> str:
        """The bearer key that it accepts."""
        unable()

    @property
    def provider_faults(self) -> ProviderFaults:
        """What makes trouble there."""
        return ProviderFaults(self.provider_url, self.provider_key)

    def person(self) -> Mapping[str, str]:
        """The environment in which one of our own programs finds this system, as a person's `./demae` does."""

    def token(self, subject: str, role: str, seconds: float = 3600) -> str:
        """A bearer token, without the word Bearer."""
        claims = {"sub": subject, "role": role, "aud": "demae", "exp": int(time.time() + seconds)}
        return jwt.encode(claims, self.jwt_secret, algorithm="HS256")

    def database_url(self, role: str = "verify") -> str:
        """The database for a role; `verify` reads everything and writes nothing, `postgres` is the superuser."""
        unable()

    def settings(self, **variables: str) -> AbstractContextManager[None]:
        """Restarts the services with other settings, such as ALLOWANCES, and with the former ones at the end."""
        unable()

    def processes(self) -> list[str]:
        """Those that run all the time."""
        unable()

    def kill(self, process: str) -> None:
        """Signal 9; returns when it is dead. The runtime starts it again by itself. Raises when it does not run."""
        unable()

    def pause(self, process: str) -> None:
        """Freezes it: a zombie that does not know it. Raises when it does not run."""
        unable()

    def resume(self, process: str) -> None:
        """Lets a frozen one go on."""
        unable()

    def stop(self, process: str) -> None:
        """Ends it and leaves it so."""
        unable()

    def start(self, process: str) -> None:
        """Starts one that was stopped; returns when it has begun."""
        unable()

    def wait_ready(self, *processes: str) -> None:
        """Returns when these, or all, are ready. Raises with the last lines of a log when one is not in time."""
        unable()

    def incarnation(self, process: str) -> str:
        """Another word after each start; empty while it does not run."""
        unable()

    def environment(self, process: str) -> Mapping[str, str]:
        """The variables that it was started with."""
        unable()

    def metrics(self, process: str) -> str:
        """What its /metrics says now. Our own services have it."""
        unable()

    def log_ends(self) -> Mapping[str, float]:
        """Where each process's log ends now, for `logs`; cheap."""
        unable()

    def logs(self, process: str, since: float = 0.0) -> str:
        """All that it printed, or what it printed after that place of `log_ends`."""
        unable()
