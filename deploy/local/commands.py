"""`runtime.commands.Commands` of local processes."""

from collections.abc import Sequence

from local import down, look, system, up
from runtime.commands import Choices
from runtime.layout import Layout


class Local:
    """The system at `where`, with what is given to `up`, else as it was at the last `up`."""

    def __init__(self, where: Layout, given: Choices | None = None) -> None:
        self.known = system.load(where, given.settings, given.without) if given else system.load(where)

    def up(self, *, quiet: bool = False) -> None:
        up.up(self.known, quiet_first_order=quiet)

    def down(self) -> None:
        down.down(self.known)

    def clean(self) -> None:
        down.clean(self.known)

    def status(self) -> int:
        return look.status(self.known)

    def logs(self, names: Sequence[str]) -> None:
        look.logs(self.known, names)

    def psql(self, role: str, arguments: Sequence[str]) -> None:
        look.psql(self.known, role, arguments)

    def run(self, name: str) -> None:
        look.run(self.known, name)
