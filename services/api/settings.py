"""The environment of api's processes, beside what every service has."""

from pathlib import Path

from pydantic import Field, field_validator

from api.domain import ALLOWANCES
from api.events import Reason
from chassis.settings import ServiceSettings

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
SDL = CONTRACTS / "schema.graphql"
PRESENTATION = CONTRACTS / "presentation.json"


class ApiSettings(ServiceSettings):
    """ALLOWANCES is a JSON object, reason → ticks (seconds while the log flows); the rest have their default."""

    allowances: dict[Reason, int] = Field(default_factory=dict, validate_default=True)

    @field_validator("allowances")
    @classmethod
    def complete(cls, given: dict[Reason, int]) -> dict[Reason, int]:
        """Every wait has an allowance; only waits have one."""
        if strange := given.keys() - ALLOWANCES.keys():
            raise ValueError(f"not the reason of a wait: {', '.join(sorted(strange))}")
        if any(ticks < 1 for ticks in given.values()):
            raise ValueError("an allowance is at least one tick")
        return {**ALLOWANCES, **given}


class HttpSettings(ApiSettings):
    """JWT_SECRET signs tokens (HS256; at least 32 bytes). SCHEMA_PATH and PRESENTATION_PATH are files of contracts/."""

    http_host: str = "0.0.0.0"  # noqa: S104 - behind the edge
    http_port: int = 8000
    jwt_secret: str = Field(min_length=32)
    schema_path: Path = SDL
    presentation_path: Path = PRESENTATION
    pool_size: int = 4
