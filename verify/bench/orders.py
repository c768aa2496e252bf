"""What the load knows about one order it placed: only what a client can see."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Sighting:
    """One version as it was pushed; `at` is unix time on this machine."""

    version: int
    status: str
    at: float


@dataclass(slots=True)
class Placed:
    """One order of the run. Times are unix times; `due` is when the schedule wanted it placed."""

    key: str
    due: float
    id: str = ""
    acknowledged: float = 0.0
    pushes: list[Sighting] = field(default_factory=list)
    ended: float = 0.0
    error: str = ""

    @property
    def status(self) -> str:
        """The last status that was pushed; empty before the first."""
        return self.pushes[-1].status if self.pushes else ""

    @property
    def delivered_at(self) -> float | None:
        """When DELIVERED reached the customer."""
        return next((push.at for push in self.pushes if push.status == "DELIVERED"), None)
