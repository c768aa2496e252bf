"""Settings from the environment and from secret files, refused at start with every fault named at once.

A secret may be a file: named as its variable, in the folder that SECRETS names. The environment wins. What a supervisor
shows of a process (its environment) and what a crash prints then holds no secret.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

EX_CONFIG = 78  # sysexits.h: "configuration error"
SECRETS = "/run/secrets"  # where engines and Kubernetes mount them


class ProcessSettings(BaseSettings):
    """What every process has: where it answers about its health, and how it logs."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    health_host: str = "0.0.0.0"  # noqa: S104 - containers are asked from outside
    health_port: int = 9000
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"


class KafkaSettings(ProcessSettings):
    """What a process has that speaks to Kafka.

    KAFKA_BOOTSTRAP is `host:port[,host:port…]`; KAFKA_PROPERTIES is a JSON object handed through to librdkafka (TLS,
    SASL, client.rack, …); KAFKA_PASSWORD is its `sasl.password`, apart because it alone is a secret.
    """

    kafka_bootstrap: str
    kafka_properties: dict[str, str | int | float | bool] = Field(default_factory=dict)
    kafka_password: str = ""

    def kafka_client(self) -> dict[str, str | int | float | bool]:
        """The properties with the password."""
        word = {"sasl.password": self.kafka_password} if self.kafka_password else {}
        return {**self.kafka_properties, **word}


class ServiceSettings(KafkaSettings):
    """What every service has beside that: its database, by a URL that carries the service's own role.

    A consumer that must set aside more than PARKED_CAP events within PARKED_CAP_SECONDS stands still instead.
    """

    database_url: str
    parked_cap: int = Field(default=100, ge=0)
    parked_cap_seconds: float = Field(default=60.0, gt=0)


S = TypeVar("S", bound=BaseSettings)


def secrets_folder() -> Path:
    """Where secret files are looked for; it need not exist."""
    return Path(os.environ.get("SECRETS") or SECRETS)


def secret(name: str) -> str:
    """One variable whose name no class of settings knows: of the environment, else the file's; empty without both."""
    file = secrets_folder() / name
    return os.environ.get(name) or (file.read_text().strip() if file.is_file() else "")


def load(cls: type[S]) -> S:
    """The settings, or exit code 78 with one line for each missing or invalid variable on standard error."""
    folder = secrets_folder()
    try:
        return cls(_secrets_dir=folder) if folder.is_dir() else cls()
    except SettingsError as error:  # no JSON, or a file that cannot be read
        faults = [f"{error}: {error.__cause__}"]
    except ValidationError as error:
        faults = [_fault(fault["loc"], fault["type"], fault["msg"]) for fault in error.errors(include_url=False)]
    print("\n".join(faults), file=sys.stderr)  # noqa: T201
    raise SystemExit(EX_CONFIG)


def _fault(where: tuple[int | str, ...], kind: str, message: str) -> str:
    variable = "_".join(str(part) for part in where).upper() or "environment"
    if kind == "missing":
        return f"{variable} is not set, and there is no file {secrets_folder() / variable}"
    return f"{variable} is not usable: {message}"
