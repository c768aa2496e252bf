"""Stories and faults as chaos's tests need them."""

from chaos.deeds import Done
from chaos.faults import Fault
from chaos.journeys import Wish
from chaos.stories import Story
from chaos.verdict import Met


def story(wish: Wish | None = None, **seen: object) -> Story:
    """A story of order `o-1` that began at 100 and ended at 110, well told, unless `seen` says something else."""
    told = Story(0, wish or Wish("happy"), "key-0001", 100.0)
    given = {"id": "o-1", "version": 9, "status": "DELIVERED", "payment": "COMPLETED", "ended": 110.0, "closed": True}
    for name, value in {**given, **seen}.items():
        setattr(told, name, value)
    return told


def cancelled(reason: str, wish: Wish | None = None, **seen: object) -> Story:
    """One that was cancelled and settled."""
    return story(wish, **{"status": "CANCELLED", "reason": reason, "payment": "REFUNDED", **seen})


def met(part: str, began: float, ended: float, recovered: float | None, kind: str = "kill", failed: str = "") -> Met:
    """A fault as it was done, and what became of its part."""
    return Met(Done(Fault(began, kind, part, 0.0, "", 1), began, ended, failed), recovered)
