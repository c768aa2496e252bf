"""The template: the files of a service called `newcomer`, and as *.part its lines in files that all services share.

A new service is these with its name in that place.
"""

from pathlib import Path

PLACEHOLDER = "newcomer"
READS = ("order_delivered",)  # the events of the template's events.py: their consumers are listed in the catalogue
FOLDER = Path(__file__).parent / "template"
KINDS = (".py", ".sql", ".md", ".toml", ".yaml")


def files(name: str) -> dict[str, str]:
    """Path in the checkout → content."""
    found = (path for path in sorted(FOLDER.rglob("*")) if path.suffix in KINDS)
    return {_named(path.relative_to(FOLDER).as_posix(), name): _named(path.read_text(), name) for path in found}


def part(path: str, name: str) -> str:
    """The lines that belong into a file that all services share."""
    return _named((FOLDER / f"{path}.part").read_text(), name)


def _named(text: str, name: str) -> str:
    return text.replace(PLACEHOLDER, name)
