"""Settings from the environment, refused at start with every fault named at once."""

from __future__ import annotations

import sys
from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

EX_CONFIG = 78  # sysexits.h: "configuration error"


class ProcessSettings(BaseSettings):
    """What every process has: where it answers about its health, and how it logs."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    health_host: str = "0.0.0.0"  # noqa: S104 - containers are asked from outside
    health_port: int = 9000
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"


class ServiceSettings(ProcessSettings):
    """What every service has beside that: its database and the log.

    DATABASE_URL carries the service's own role; KAFKA_BOOTSTRAP is `host:port[,host:port…]`; KAFKA_PROPERTIES is a JSON
    object handed through to librdkafka (TLS, SASL, client.rack, …).
    """

    database_url: str
    kafka_bootstrap: str
    kafka_properties: dict[str, str | int | float | bool] = Field(default_factory=dict)


S = TypeVar("S", bound=BaseSettings)


def load(cls: type[S]) -> S:
    """The settings, or exit code 78 with one line for each missing or invalid variable on standard error."""
    try:
        return cls()
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            variable = "_".join(str(part) for part in fault["loc"]).upper() or "environment"
            what = "is not set" if fault["type"] == "missing" else f"is not usable: {fault['msg']}"
            print(f"{variable} {what}", file=sys.stderr)  # noqa: T201
        raise SystemExit(EX_CONFIG) from None
