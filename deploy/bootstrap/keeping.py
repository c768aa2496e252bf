"""The secrets of a cluster: made once, completed when something is missing, never overwritten.

Each made-up value has one Secret that is its source: ADMIN_DATABASE_URL and the roles' passwords in `bootstrap`,
JWT_SECRET in `person`, PROVIDER_KEY in `provider`. The sources are settled first, then the rest is derived from what
they hold: two that run at once agree. A source that is gone is made again from what the others still hold.
KAFKA_PASSWORD is handed on from `bootstrap` when a person has put it there.
"""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from bootstrap.secrets import BOOTSTRAP, PERSON, POSTGRES, PROVIDER, Values, password_in, secrets_of
from chassis.migrate import CDC, discover_roles, roles

Tell = Callable[[str], None]


class Store(Protocol):
    """Where they are kept; see kubernetes.Secrets."""

    def get(self, name: str) -> dict[str, str]: ...

    def complete(self, name: str, wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]: ...


def keep(  # noqa: PLR0913, PLR0917 - one call a round
    store: Store, services: Path, database: str, address: str, tell: Tell, note: Tell, admin_url: str = ""
) -> Values:
    """Settles all of them; -> what they derive from. Tells what it made, and notes what differs from the sources.

    `address` is the server's, for an administrator's URL that is made anew. `admin_url`: one that somebody else keeps,
    such as an operator; it is used, and not kept again.
    """
    values = _settle_sources(store, services, address, tell, admin_url)
    secrets = secrets_of(services, values, database)
    if admin_url:
        del secrets[POSTGRES], secrets[BOOTSTRAP]["ADMIN_DATABASE_URL"]
    for name, wanted in secrets.items():
        held = _complete(store, name, wanted, tell)
        if differing := sorted(variable for variable, value in wanted.items() if held[variable] != value):
            note(f"Secret {name} has its own {', '.join(differing)}: left as it is")
    return values


def _settle_sources(store: Store, services: Path, address: str, tell: Tell, admin_url: str) -> Values:
    seen = {name: store.get(name) for name in [*discover_roles(services), PROVIDER, PERSON, POSTGRES]}
    word = seen[POSTGRES].get("POSTGRES_PASSWORD") or _made_up()
    passwords = {f"DB_PASSWORD_{role.upper()}": _password(seen, role) for role in roles(services)}
    admin = {} if admin_url else {"ADMIN_DATABASE_URL": f"postgresql://postgres:{word}@{address}/postgres"}
    bootstrap = _complete(store, BOOTSTRAP, {**admin, **passwords}, tell)
    person = _complete(store, PERSON, {"JWT_SECRET": _anywhere(seen, "JWT_SECRET")}, tell)
    provider = _complete(store, PROVIDER, {"PROVIDER_KEY": _anywhere(seen, "PROVIDER_KEY")}, tell)
    return Values(
        admin_url=admin_url or bootstrap["ADMIN_DATABASE_URL"],
        passwords={role: bootstrap[f"DB_PASSWORD_{role.upper()}"] for role in roles(services)},
        jwt=person["JWT_SECRET"],
        provider=provider["PROVIDER_KEY"],
        kafka=bootstrap.get("KAFKA_PASSWORD", ""),
    )


def _complete(store: Store, name: str, wanted: Mapping[str, str], tell: Tell) -> dict[str, str]:
    held, added = store.complete(name, wanted)
    if added:
        tell(f"Secret {name}: made {', '.join(added)}")
    return held


def _password(seen: Mapping[str, Mapping[str, str]], role: str) -> str:
    """As its Secret says, if there is one already."""
    if role == CDC:
        return _anywhere(seen, "CDC_DATABASE_PASSWORD")
    return password_in(seen.get(role, {}).get("DATABASE_URL", "")) or _made_up()


def _anywhere(seen: Mapping[str, Mapping[str, str]], variable: str) -> str:
    return next((held[variable] for held in seen.values() if held.get(variable)), "") or _made_up()


def _made_up() -> str:
    """192 bits that need no quoting in a URL."""
    return secrets.token_urlsafe(24)
