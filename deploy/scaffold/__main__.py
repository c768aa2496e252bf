"""`python -m scaffold NAME`: the command behind `make new-service`."""

import argparse
import sys

from runtime.layout import ROOT
from scaffold.errors import ScaffoldError
from scaffold.make import RELEASE, make
from scaffold.tree import Tree

DESCRIPTION = "Write a new service: services/NAME with its tests, and its lines for compose and Kubernetes."
NEXT = """
Next:
  make check                                            linters, types, import rules
  .venv/bin/python -m pytest -k {name} tests/unit tests/integration tests/contract
  make up                                               it starts with the others, and counts the first order
  docs/add-a-service.md                                 change what it reads, publish an event of its own
Undo, while nothing of it is committed:
  rm -r {made}
  git restore {changed}"""


def main() -> int:
    """-> the exit code."""
    parser = argparse.ArgumentParser(prog="make new-service NAME=…", description=DESCRIPTION)
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="lower-case letters and digits, as loyalty")
    name: str = parser.parse_args().name
    try:
        tell(name, make(ROOT, name))
    except ScaffoldError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def tell(name: str, tree: Tree) -> None:
    """What was made, what was changed, and how to go on."""
    print(f"The service {name} is made:")
    for path in tree.made:
        print(f"  new      {path}")
    for path, lines in tree.changed.items():
        print(f"  changed  {path}, {lines} line{'s' if lines > 1 else ''}")
    if tree.has(RELEASE) and RELEASE not in tree.changed:
        print(f"  left     {RELEASE}: make k8s-release renders it, with kubectl ≥ 1.27")
    print(NEXT.format(name=name, made=" ".join(tree.roots), changed=" ".join(tree.changed)))


if __name__ == "__main__":
    sys.exit(main())
