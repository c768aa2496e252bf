"""The commands behind the Makefile: `python -m runtime up|down|clean|status|logs|psql|run`."""

import argparse
import sys

from runtime import layout
from runtime.choose import COMPOSE, choose, remembered
from runtime.commands import Choices, Commands
from runtime.errors import Refusal
from runtime.look import NOT_UP
from runtime.system import passed


def main() -> int:
    """-> the exit code."""
    chosen = _arguments()
    where = layout.from_environment()
    try:
        if chosen.command == "up":
            layout.refuse_strange(where)
        name = choose(where.state) if chosen.command == "up" else remembered(where.state)
        if not name:
            return _nothing(chosen.command)
        where.make()
        return _do(chosen, _commands(name, where, chosen))
    except Refusal as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What runs goes on; `make down` stops it, `make up` continues.", file=sys.stderr)
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="runtime")
    parser.add_argument("command", choices=["up", "down", "clean", "status", "logs", "psql", "run"])
    parser.add_argument("names", nargs="*", help="processes or services; for psql: the role, then psql's own arguments")
    parser.add_argument("--without", default="", help="services to leave out, separated by commas")
    parser.add_argument("--open", default="", help="1: publish database, broker, Connect, provider too; 0: no longer")
    parser.add_argument("--no-first-order", action="store_true")
    return parser.parse_args()


def _nothing(command: str) -> int:
    """There is no system here."""
    print(NOT_UP)
    return 0 if command in ("down", "clean") else 3


def _commands(name: str, where: layout.Layout, chosen: argparse.Namespace) -> Commands:
    """The runtime's, imported when it is the one: neither needs what the other does."""
    without = [word for word in chosen.without.split(",") if word]
    given = Choices(passed(), without, {"1": True, "0": False}.get(chosen.open)) if chosen.command == "up" else None
    if name == COMPOSE:
        from containers.commands import Containers  # noqa: PLC0415

        return Containers(where, given)
    from local.commands import Local  # noqa: PLC0415

    return Local(where, given)


def _do(chosen: argparse.Namespace, commands: Commands) -> int:
    names: list[str] = chosen.names
    match chosen.command:
        case "up":
            commands.up(quiet=chosen.no_first_order)
        case "down":
            commands.down()
        case "clean":
            commands.clean()
        case "status":
            return commands.status()
        case "logs":
            commands.logs(names)
        case "psql":
            commands.psql(names[0] if names else "postgres", names[1:])
        case "run":
            commands.run(names[0] if names else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
