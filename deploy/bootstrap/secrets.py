"""Which process is given which secret. All derive from few values; the runtimes differ only in where they keep them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bootstrap.database import located
from bootstrap.settings import DATABASE
from chassis.migrate import CDC, discover_roles, roles

BOOTSTRAP, PERSON, PROVIDER, POSTGRES = "bootstrap", "person", "provider", "postgres"


@dataclass(frozen=True)
class Values:
    """What all secrets derive from.

    `admin_url` is the server as its administrator, at the address that processes reach; `passwords` is role → password;
    `kafka` is that of a broker which asks for one.
    """

    admin_url: str
    passwords: Mapping[str, str]
    jwt: str
    provider: str
    kafka: str = ""


def secrets_of(services: Path, values: Values, database: str = DATABASE) -> dict[str, dict[str, str]]:
    """Who → variable → value: each is given what it needs, no more.

    A service by its folder's name, the demo's provider, a person with their tools, the server and bootstrap itself.
    """
    return {
        **{name: _service(services / name, values, database) for name in discover_roles(services)},
        PROVIDER: {"PROVIDER_KEY": values.provider},
        PERSON: {"JWT_SECRET": values.jwt},
        POSTGRES: {"POSTGRES_PASSWORD": password_in(values.admin_url)},
        BOOTSTRAP: {
            "ADMIN_DATABASE_URL": values.admin_url,
            **{f"DB_PASSWORD_{role.upper()}": values.passwords[role] for role in roles(services)},
            **_kafka(values),
        },
    }


def password_in(url: str) -> str:
    """The password of a URL; empty when it has none."""
    return unquote(urlsplit(url).password or "")


def _service(folder: Path, values: Values, database: str) -> dict[str, str]:
    said = tomllib.loads((folder / "pyproject.toml").read_text())
    by_need = {
        "http": {"JWT_SECRET": values.jwt},
        "provider": {"PROVIDER_KEY": values.provider},
        "connect": {"CDC_DATABASE_PASSWORD": values.passwords[CDC]},
    }
    name = folder.name
    url = located(values.admin_url, database=database, role=name, password=values.passwords[name])
    given = {"DATABASE_URL": url, **_kafka(values)}
    for need in said.get("tool", {}).get("demae", {}).get("needs", []):
        given |= by_need.get(need, {})
    return given


def _kafka(values: Values) -> dict[str, str]:
    return {"KAFKA_PASSWORD": values.kafka} if values.kafka else {}
