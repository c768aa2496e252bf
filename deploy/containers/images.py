"""`make images`: builds the images of demae, and says how large each is.

Runs on any Python ≥ 3.11, with the standard library only. With OFFLINE=1 the base images are the stand-ins of
deploy/offline, which are built first; with OFFLINE=auto where upstream's cannot be fetched.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import assemble
from containers import base_images
from containers.base_images import overrides
from containers.build import Build, BuildError, build, refuse_unfit
from containers.engine import Engine
from containers.fetch import FetchError
from offline import stand_ins
from runtime.errors import Refusal
from runtime.layout import ROOT

__all__ = ["Image", "ensure", "images", "make", "overrides", "tag"]

FOLDERS = ("services", "demo", "deploy")
SHARED = ("deploy/Dockerfile", "deploy/assemble.py")
EDGE = ("contracts/openapi.yaml", "deploy/edge", "deploy/local/pom.xml", "deploy/local/scripts.py", "web")
CHOICES = {"": False, "1": True, "auto": None}  # OFFLINE of `make images`
DIGEST, VENDOR = "demae.digest", "org.opencontainers.image.vendor=demae"


@dataclass(frozen=True)
class Image:
    """An image and what it is made of, as paths from the root; `folder` is empty for the edge."""

    name: str
    description: str
    version: str
    folder: str
    parts: tuple[str, ...]


def images(root: Path) -> list[Image]:
    """One for each folder with a program and a pyproject, and the edge."""
    own = [_image(root, folder) for folder in assemble.programs(root, FOLDERS)]
    version = assemble.project(root)["version"]
    return [*own, Image("edge", "One origin for everything a client speaks to.", version, "", EDGE)]


def tag(name: str) -> str:
    """The full name of one of our images, as compose and Kubernetes use it too."""
    return f"{os.environ.get('DEMAE_IMAGES') or 'demae'}/{name}:{os.environ.get('DEMAE_TAG') or 'dev'}"


def make(root: Path, offline: bool | None, say: Callable[[str], None] = print) -> None:
    """Builds all, on upstream's bases or on stand-ins; None: on stand-ins where upstream's cannot be fetched.

    Raises Refusal; the bases that held before then hold still.
    """
    refuse_unfit()
    if offline is None:
        offline = not _reachable(root, say)
    if offline:
        stand_ins.build(root, say)
    _make(root, images(root), base_images.chosen(root, offline), say)
    base_images.remember(root, offline)


def ensure(root: Path, say: Callable[[str], None]) -> list[str]:
    """Builds those that are not here, or not of the present sources; -> their names. Raises Refusal.

    A person who named other images (DEMAE_IMAGES, DEMAE_TAG) has built them elsewhere: those are left alone.
    """
    if os.environ.get("DEMAE_IMAGES") or os.environ.get("DEMAE_TAG"):
        return []
    named, wanted = overrides(root), images(root)
    built = _built(wanted)
    stale = [image for image in wanted if built.get(tag(image.name)) != _digest(root, image, named)]
    if stale:
        refuse_unfit()
        _make(root, stale, named, say)
    return [image.name for image in stale]


def _reachable(root: Path, say: Callable[[str], None]) -> bool:
    try:
        base_images.ensure(root, base_images.chosen(root, offline=False), say)
    except FetchError as error:
        say(str(error).splitlines()[0])
        return False
    return True


def _make(root: Path, wanted: list[Image], named: Mapping[str, str], say: Callable[[str], None]) -> None:
    base_images.ensure(root, named, say)
    build(root, list(_builds(root, wanted, named)), say)
    # The images of ours that these took the names of.
    Engine().attempt("image", "prune", "--force", "--filter", f"label={VENDOR}")


def _image(root: Path, folder: Path) -> Image:
    said = assemble.project(folder)
    lock = f"requirements/images/{folder.name}.txt"
    if not (root / lock).exists():
        raise BuildError(f"{folder.name} has no {lock}: make lock")
    parts = [path.relative_to(root).as_posix() for path in assemble.parts(root, folder)]
    where = folder.parent.relative_to(root).as_posix()
    return Image(folder.name, said["description"], said["version"], where, (*parts, lock))


def _builds(root: Path, wanted: list[Image], named: Mapping[str, str]) -> Iterator[Build]:
    revision = _revision(root)
    for image in wanted:
        own = {"SERVICE": image.name, "FOLDER": image.folder} if image.folder else {}
        said = {"DESCRIPTION": image.description, "VERSION": image.version, "REVISION": revision}
        yield Build(
            name=image.name,
            tag=tag(image.name),
            dockerfile="deploy/Dockerfile",
            target="service" if image.folder else "edge",
            arguments={**named, **own, **said},
            labels={DIGEST: _digest(root, image, named)},
            more=_secrets(),
        )


def _digest(root: Path, image: Image, named: Mapping[str, str]) -> str:
    """Of everything that it is built from: another word, another image."""
    found = hashlib.sha256(json.dumps(sorted(named.items())).encode())
    for file in assemble.files(root, [*SHARED, *image.parts]):
        found.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return found.hexdigest()[:12]


def _built(wanted: list[Image]) -> dict[str, str]:
    """Tag → digest of those that are here."""
    found = Engine().inspect("image", [tag(image.name) for image in wanted])
    labels = {name: one["Config"]["Labels"] or {} for one in found for name in one["RepoTags"]}
    return {name: said.get(DIGEST, "") for name, said in labels.items()}


def _secrets() -> list[str]:
    """pip's settings, when a person named their file: there while packages are fetched, and in no layer."""
    settings = os.environ.get("PIP_CONFIG_FILE", "")
    return ["--secret", f"id=pip.conf,src={settings}"] if Path(settings).is_file() else []


def _revision(root: Path) -> str:
    """Empty where the tree is no checkout."""
    try:
        said = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return said.stdout.strip()


def main() -> int:
    """-> 0 when every image is there. The argument is one of CHOICES."""
    word = "".join(sys.argv[1:])
    try:
        if word not in CHOICES:
            raise BuildError(f"OFFLINE={word}: there are OFFLINE=1 and OFFLINE=auto.")
        make(ROOT, CHOICES[word])
    except Refusal as refused:
        print(refused, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
