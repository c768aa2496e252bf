"""What a run is made of."""

import json
from dataclasses import dataclass
from pathlib import Path

# In ticks: short, so that deadlines play; longer than any planned fault but those of the log, with which the clock
# stands, and the couriers' strike. faults.py has the fault that is longer than the longest of them.
ALLOWANCES = {
    "payment_timeout": 60,
    "payment_failed": 45,
    "no_courier": 50,
    "restaurant_silent": 50,
    "not_ready": 45,
    "not_picked_up": 45,
    "not_delivered": 45,
}
# A slot is lost behind this, so that one can be lost; an outage of Connect at the usual rate writes half of it.
SLOT_WAL = "256MB"


@dataclass(frozen=True)
class Plan:
    """`rate` in orders a second; `out` is the folder of results."""

    minutes: float
    seed: int
    rate: float
    runtime: str
    out: Path
    keep: bool = False
    limits: bool = True
    """Whether a part that comes back too slowly is a violation."""

    @property
    def seconds(self) -> float:
        """Of arrivals."""
        return 60 * self.minutes

    @property
    def local(self) -> bool:
        """Processes of the source tree: a test build, and its folders are ours."""
        return self.runtime == "local"

    @property
    def settings(self) -> dict[str, str]:
        """For every service."""
        own = {"ALLOWANCES": json.dumps(ALLOWANCES), "MAX_SLOT_WAL_KEEP_SIZE": SLOT_WAL}
        return {**own, "FAILPOINTS": str(self.failpoints)} if self.local else own

    @property
    def failpoints(self) -> Path:
        """The folder in which a process finds the place where it is to die."""
        return (self.out / "failpoints").resolve()

    @property
    def histories(self) -> Path:
        """The folder of what the load and the breaking have written down."""
        return self.out / "histories"
