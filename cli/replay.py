"""`demae replay` and `demae rebuild`: the event store's own commands, among the others."""

from replay.commands import rebuild, replay

__all__ = ["rebuild", "replay"]
