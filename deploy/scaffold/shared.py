"""What a new service changes outside its own files: a reader more in the catalogue, and its lines in shared files."""

import json
import re
import tomllib
from pathlib import Path

from scaffold.errors import ScaffoldError
from scaffold.template import READS, part

CATALOGUE = "contracts/catalogue.json"
# File with lines of every service → all before the place of the next.
PARTS = {
    "deploy/compose.yaml": re.compile(r"^services:\n(?:(?:  .*)?\n)+", re.MULTILINE),
    "deploy/k8s/base/kustomization.yaml": re.compile(r"^resources:\n(?:  - .*\n)+", re.MULTILINE),
    "deploy/k8s/images/kustomization.yaml": re.compile(r"^images:\n(?:  - .*\n)+", re.MULTILINE),
}
SORTED = ("deploy/k8s/images/kustomization.yaml",)  # as `make k8s-images` writes it
CONSUMERS = re.compile(r'("consumers": )(\[[^]]*\])')


def catalogue(text: str, name: str) -> str:
    """The catalogue with `name` among the consumers of what the template reads."""
    for event in READS:
        row = re.search(rf'^.*"event": "{event}".*$', text, re.MULTILINE)
        if row is None:
            raise ScaffoldError(f"The template reads {event}, which {CATALOGUE} does not have: change deploy/scaffold.")
        text = text.replace(row[0], CONSUMERS.sub(lambda found: f"{found[1]}{_with(found[2], name)}", row[0]))
    return text


def _with(names: str, name: str) -> str:
    return json.dumps(sorted({*json.loads(names), name}))


def lines(path: str, text: str, name: str) -> str:
    """A file of PARTS with the lines of one service more, behind those of the others."""
    place = PARTS[path].search(text)
    if place is None:
        raise ScaffoldError(
            f"{path} has no place for a service any more ({PARTS[path].pattern!r}): see deploy/scaffold."
        )
    there = f"{place[0]}{part(path, name)}"
    if path in SORTED:
        head, *rows = there.splitlines(keepends=True)
        there = head + "".join(sorted(rows))
    return text[: place.start()] + there + text[place.end() :]


def lock(root: Path, wanted: list[str]) -> str:
    """The locked packages of an image that depends on `wanted`: those of a service that depends on just the same."""
    for project in sorted(root.glob("services/*/pyproject.toml")):
        locked = root / "requirements" / "images" / f"{project.parent.name}.txt"
        if sorted(dependencies(project.read_text())) == sorted(wanted) and locked.exists():
            return locked.read_text()
    raise ScaffoldError("No service has the template's dependencies any more: change deploy/scaffold.")


def dependencies(pyproject: str) -> list[str]:
    """What a pyproject.toml declares."""
    found: list[str] = tomllib.loads(pyproject)["project"].get("dependencies", [])
    return found
