"""Files written all or none."""

import difflib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Tree:
    """A checkout in which files are made and changed, and what was there before."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._before: dict[str, str | None] = {}
        self.roots: list[str] = []
        """What was made, without what lies in a folder that was made."""

    def read(self, path: str) -> str:
        """A file's text, as it is now."""
        return (self.root / path).read_text()

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.root / path).exists()

    def watch(self, *paths: str) -> None:
        """Remembers files as they are, before somebody writes them."""
        for path in paths:
            self._before.setdefault(path, self.read(path) if self.has(path) else None)

    def write(self, path: str, text: str) -> None:
        """Writes a file, and its folders."""
        self.watch(path)
        if not self.has(path) and not any(Path(root) in Path(path).parents for root in self.roots):
            self.roots.append(self._root(path))
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    @property
    def made(self) -> list[str]:
        """Files that were not there."""
        return [path for path, before in self._before.items() if before is None and self.has(path)]

    @property
    def changed(self) -> dict[str, int]:
        """Files that were there and differ → how many lines were added or written anew."""
        texts = {path: before for path, before in self._before.items() if before is not None}
        lines = {path: _new_lines(before, self.read(path)) for path, before in texts.items()}
        return {path: count for path, count in lines.items() if count}

    def _root(self, path: str) -> str:
        """The file, or the outermost folder around it that is not there."""
        ways = [path, *(folder.as_posix() for folder in Path(path).parents if not (self.root / folder).exists())]
        return ways[-1]

    def restore(self) -> None:
        """Everything as it was."""
        for path, before in self._before.items():
            if before is not None:
                (self.root / path).write_text(before)
        for root in self.roots:
            if (self.root / root).is_dir():
                shutil.rmtree(self.root / root)
            else:
                (self.root / root).unlink(missing_ok=True)


@contextmanager
def whole(tree: Tree) -> Iterator[None]:
    """All that is written inside stays, or nothing of it: also when it is interrupted."""
    try:
        yield
    except BaseException:
        tree.restore()
        raise


def _new_lines(before: str, after: str) -> int:
    return sum(line.startswith("+ ") for line in difflib.ndiff(before.splitlines(), after.splitlines()))
