"""Makes this process a mutant: the module that is meant is changed when it has been imported, nothing else is."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from mutants.catalogue import MUTANTS


def install(name: str) -> None:
    """From now on, in the processes that the mutant is about; others stay as they are."""
    mutant = MUTANTS[name]
    if program() in mutant.processes:
        sys.meta_path.insert(0, Changing(mutant.module, mutant.change))


def program() -> str:
    """What `python -m` was called with; the arguments behind it are a part of the name: `api projector`."""
    words = sys.orig_argv
    return " ".join(words[words.index("-m") + 1 :]) if "-m" in words else ""


class Changing(MetaPathFinder):
    """Finds one module as everybody does, and changes it behind its execution."""

    def __init__(self, module: str, change: Callable[[ModuleType], None]) -> None:
        self._module = module
        self._change = change

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for every other module."""
        if fullname != self._module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Behind(spec.loader, self._change)
        return spec


class _Behind(Loader):
    """A loader with something behind it."""

    def __init__(self, loader: Loader, change: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._change = change

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._change(module)
