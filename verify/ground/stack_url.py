"""The stack that is already there, such as one in a cluster: known by its address alone, touched by nobody.

DEMAE_E2E_URL and JWT_SECRET say where it is and how tokens are signed. DEMAE_E2E_DATABASE_URL (role `verify`) and
DEMAE_E2E_PROVIDER_LOG (a file) let more tests run, DEMAE_E2E_PROVIDER_URL and DEMAE_E2E_PROVIDER_KEY those that make
trouble there.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ground.stack import Stack, unable
from runtime.layout import ROOT, SOURCES

REQUIRED = ("DEMAE_E2E_URL", "JWT_SECRET")


@dataclass
class UrlStack(Stack):
    """`variables` are those above."""

    variables: Mapping[str, str]

    @property
    def abilities(self) -> frozenset[str]:
        optional = {
            "database": "DEMAE_E2E_DATABASE_URL",
            "provider log": "DEMAE_E2E_PROVIDER_LOG",
            "provider faults": "DEMAE_E2E_PROVIDER_URL",
        }
        return frozenset(ability for ability, name in optional.items() if self.variables.get(name))

    @property
    def url(self) -> str:
        return self.variables["DEMAE_E2E_URL"].rstrip("/")

    @property
    def ws_url(self) -> str:
        return f"ws{self.url.removeprefix('http')}/graphql"

    @property
    def jwt_secret(self) -> str:
        return self.variables["JWT_SECRET"]

    @property
    def provider_log(self) -> Path:
        return Path(self._told("DEMAE_E2E_PROVIDER_LOG"))

    @property
    def provider_url(self) -> str:
        return self._told("DEMAE_E2E_PROVIDER_URL").rstrip("/")

    @property
    def provider_key(self) -> str:
        return self._told("DEMAE_E2E_PROVIDER_KEY")

    def person(self) -> Mapping[str, str]:
        path = ":".join(str(ROOT / part) for part in SOURCES)
        return {"DEMAE_URL": self.url, "JWT_SECRET": self.jwt_secret, "PYTHONPATH": path}

    def database_url(self, role: str = "verify") -> str:
        if role != "verify":
            unable()
        return self._told("DEMAE_E2E_DATABASE_URL")

    def _told(self, name: str) -> str:
        if not self.variables.get(name):
            unable()
        return self.variables[name]


@contextmanager
def url_stack(variables: Mapping[str, str]) -> Iterator[UrlStack]:
    """Nothing is started, and nothing is stopped."""
    yield UrlStack(variables)
