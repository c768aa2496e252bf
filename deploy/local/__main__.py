"""The commands behind the Makefile: `python -m local up|down|clean|status|logs|psql|run`."""

import argparse
import sys

from local import down, look, system, up
from runtime import layout
from runtime.errors import Refusal
from runtime.system import passed


def main() -> int:
    """-> the exit code."""
    chosen = _arguments()
    where = layout.from_environment()
    where.make()
    try:
        return _do(chosen, where)
    except Refusal as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What runs goes on; `make down` stops it, `make up` continues.", file=sys.stderr)
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local")
    parser.add_argument("command", choices=["up", "down", "clean", "status", "logs", "psql", "run"])
    parser.add_argument("names", nargs="*", help="processes or services; for psql: the role, then psql's own arguments")
    parser.add_argument("--without", default="", help="services to leave out, separated by commas")
    parser.add_argument("--no-first-order", action="store_true")
    return parser.parse_args()


def _do(chosen: argparse.Namespace, where: layout.Layout) -> int:
    names: list[str] = chosen.names
    if chosen.command == "up":
        without = [name for name in chosen.without.split(",") if name]
        up.up(system.load(where, passed(), without), quiet_first_order=chosen.no_first_order)
        return 0
    known = system.load(where)
    if chosen.command == "down":
        down.down(known)
    elif chosen.command == "clean":
        down.clean(known)
    elif chosen.command == "status":
        return look.status(known)
    elif chosen.command == "logs":
        look.logs(known, names)
    elif chosen.command == "psql":
        look.psql(known, names[0] if names else "postgres", names[1:])
    elif chosen.command == "run":
        look.run(known, names[0] if names else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
