"""What is known of one order of the load: only what a client can see."""

from dataclasses import dataclass, field

from chaos.journeys import Wish
from chaos.operations import Shape

SETTLED = frozenset({"REFUNDED", "RELEASED", "REFUND_FAILED"})


@dataclass(slots=True, eq=False)
class Story:
    """One order. `id` is empty until it was acknowledged; times are unix times."""

    number: int
    wish: Wish
    key: str
    began: float
    id: str = ""
    version: int = 0
    status: str = ""
    payment: str = ""
    reason: str = ""
    refused: str = ""
    ended: float = 0.0
    closed: bool = False
    """The server said that all is told."""
    done: set[str] = field(default_factory=set)
    """What somebody does only once about this order."""

    @property
    def ending(self) -> str:
        """DELIVERED, or the reason of the cancellation; empty while it is open."""
        return self.reason if self.status == "CANCELLED" else self.status if self.status == "DELIVERED" else ""

    @property
    def settled(self) -> bool:
        """Nothing about it will change any more."""
        return self.status == "DELIVERED" or (self.status == "CANCELLED" and self.payment in SETTLED)

    @property
    def over(self) -> bool:
        """Refused at once, or told to its end."""
        return bool(self.refused) or (self.closed and self.settled)

    def see(self, order: Shape, now: float) -> None:
        """A version as it was pushed."""
        self.version, self.status = order["version"], order["status"]
        self.payment = order["payment"]["status"]
        self.reason = (order["cancellation"] or {}).get("reason", "")
        if self.settled and not self.ended:
            self.ended = now

    def first(self, what: str) -> bool:
        """True the first time."""
        if what in self.done:
            return False
        self.done.add(what)
        return True
