"""Evidence of all kinds, sorted by what it is about: in memory a chunk at a time, the rest in a temporary folder.

A line is `space/id TAB tag TAB json LF`. `cases` gives the lines of one subject together, whatever they came from.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 48 << 20
LINE_OVERHEAD = 41  # bytes of a small bytes object and its place in a list
_CONTROL = dict.fromkeys(range(32), "\ufffd")

Lines = list[tuple[bytes, bytes]]
"""(tag, json) of one subject, in no order that means anything."""


def subject(space: str, name: str) -> bytes:
    """The beginning of a line: bytes that sort, and that hold no separator whatever the name holds."""
    return f"{space}/{name.translate(_CONTROL)}".encode(errors="replace")


class Spill:
    """Write with `add` first, then read with `cases`, once."""

    def __init__(self, folder: Path, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._folder = folder
        self._chunk_bytes = chunk_bytes
        self._held: list[bytes] = []
        self._bytes = 0
        self._runs: list[Path] = []
        self.lines = 0

    def add(self, about: bytes, tag: bytes, json: bytes) -> None:
        """One piece of evidence."""
        self.add_line(b"%b\t%b\t%b\n" % (about, tag, json))

    def add_line(self, line: bytes) -> None:
        """A line that is whole already, its end included."""
        self._held.append(line)
        self.lines += 1
        self._bytes += len(line) + LINE_OVERHEAD
        if self._bytes > self._chunk_bytes:
            self._put_away()

    def _put_away(self) -> None:
        self._held.sort()
        run = self._folder / f"run-{len(self._runs):05}"
        with run.open("wb") as file:
            file.writelines(self._held)
        self._runs.append(run)
        self._held, self._bytes = [], 0

    def cases(self) -> Iterator[tuple[str, str, Lines]]:
        """(space, id, its lines), by space and id."""
        self._held.sort()
        files: list[BinaryIO] = [run.open("rb") for run in self._runs]
        try:
            yield from grouped(heapq.merge(*files, self._held) if files else self._held)
        finally:
            for file in files:
                file.close()


def grouped(lines: Iterable[bytes]) -> Iterator[tuple[str, str, Lines]]:
    """Sorted lines by subject."""
    for about, group in itertools.groupby((line.split(b"\t", 2) for line in lines), key=lambda parts: parts[0]):
        space, _, name = about.decode().partition("/")
        yield space, name, [(tag, json) for _, tag, json in group]
