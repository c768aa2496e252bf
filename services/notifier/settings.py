"""The environment of notifier, beside what every service has."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, field_validator

from chassis.settings import ServiceSettings

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"

ALLOWANCES: Mapping[str, int] = {
    "payment_timeout": 300,
    "payment_failed": 300,
    "no_courier": 180,
    "restaurant_silent": 120,
    "not_ready": 3600,
    "not_picked_up": 1800,
    "not_delivered": 3600,
}
"""What api allows each wait, in ticks: seconds while the log flows. Here they are shown, never enforced."""


class Settings(ServiceSettings):
    """ALLOWANCES as api's: a JSON object, reason → ticks; the rest have their default. JWT_SECRET as api's, too."""

    http_host: str = "0.0.0.0"  # noqa: S104 - behind the edge, on the network of its own
    http_port: int
    jwt_secret: str
    allowances: dict[str, int] = Field(default_factory=dict, validate_default=True)

    @field_validator("allowances")
    @classmethod
    def complete(cls, given: dict[str, int]) -> dict[str, int]:
        """Every wait has an allowance; only waits have one."""
        if strange := given.keys() - ALLOWANCES.keys():
            raise ValueError(f"not the reason of a wait: {', '.join(sorted(strange))}")
        return {**ALLOWANCES, **given}
