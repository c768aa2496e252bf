"""`make images`: builds the images of demae, and says how large each is.

Runs on any Python ≥ 3.11, with the standard library only. With OFFLINE=1 the base images are the stand-ins of
deploy/offline, built first where they are missing.
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import Refusal
from runtime.layout import ROOT

FOLDERS = ("services", "demo", "deploy")
API = (1, 44)  # Engine 25: health checks that look more often at the start
AT_ONCE = 3
TAIL = 12  # lines of a log that say why
OFFLINE = "deploy/offline"
UNREACHABLE = re.compile(r"no such host|i/o timeout|connection refused|network is unreachable|TLS|deadline|EOF|proxy")


class ImagesError(Refusal):
    """An image could not be built."""


@dataclass(frozen=True)
class Image:
    """What deploy/Dockerfile is told about one image."""

    name: str
    target: str
    description: str
    version: str
    folder: str = ""

    @property
    def arguments(self) -> dict[str, str]:
        said = {"DESCRIPTION": self.description, "VERSION": self.version}
        return said if self.target == "edge" else {**said, "SERVICE": self.name, "FOLDER": self.folder}


def images(root: Path) -> list[Image]:
    """One for each folder with a program and a pyproject, and the edge."""
    found = (path.parent for folder in FOLDERS for path in sorted(root.glob(f"{folder}/*/__main__.py")))
    programs = [_image(folder) for folder in found if (folder / "pyproject.toml").exists()]
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return [*programs, Image("edge", "edge", "One origin for everything a client speaks to.", version)]


def tag(name: str) -> str:
    """The full name of one of our images, as compose and Kubernetes use it too."""
    return f"{os.environ.get('DEMAE_IMAGES') or 'demae'}/{name}:{os.environ.get('DEMAE_TAG') or 'dev'}"


def overrides(root: Path) -> dict[str, str]:
    """Names of base images that hold on this checkout: those of the environment, else of the last `make images`."""
    path = root / ".run" / "images.env"
    lines = path.read_text().splitlines() if path.exists() else []
    kept = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    said = {name: value for name, value in os.environ.items() if value and re.fullmatch(r"[A-Z]+_(IMAGE|DIGEST)", name)}
    return {**kept, **said}


def choose(root: Path, offline: bool) -> None:
    """Remembers whether the bases are the stand-ins; raises ImagesError when those cannot be built."""
    path = root / ".run" / "images.env"
    path.unlink(missing_ok=True)
    if not offline:
        return
    built = subprocess.run([root / OFFLINE / "build"], check=False)
    if built.returncode != 0:
        raise ImagesError("The stand-ins of the base images are not built: see above.")
    path.parent.mkdir(exist_ok=True)
    path.write_text((root / OFFLINE / "images.env").read_text())


def build(root: Path, image: Image, bases: Mapping[str, str]) -> str:
    """-> one line with size and seconds. Raises ImagesError with the end of the log, which is kept."""
    began = time.monotonic()
    arguments = {**bases, **image.arguments, "REVISION": _revision(root)}
    words = ["docker", "build", "--progress=plain", "-f", str(root / "deploy" / "Dockerfile"), "--target", image.target]
    words += [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    log = root / ".run" / "images" / f"{image.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(
            [*words, *_secrets(), "-t", tag(image.name), str(root)], stdout=output, stderr=output, check=False
        )
    if done.returncode != 0:
        lines = log.read_text().splitlines()[-TAIL:]
        raise ImagesError(f"{tag(image.name)} is not built; the end of {log}:\n" + "\n".join(lines))
    return f"{image.name:<12} {_megabytes(tag(image.name)):>4} MB {time.monotonic() - began:>6.1f} s"


def check_engine() -> None:
    """Raises ImagesError with one line that says what to do, when no engine answers or it is too old."""
    try:
        said = _docker("version", "--format", "{{.Server.APIVersion}}")
    except FileNotFoundError:
        raise ImagesError("The program docker is missing: install Docker 25 or newer.") from None
    if said.returncode != 0:
        last = (said.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ImagesError(f"No container engine answers: start it, or set DOCKER_HOST. ({last})")
    if tuple(int(part) for part in said.stdout.strip().split(".")) < API:
        raise ImagesError(
            f"The container engine is too old: it speaks API {said.stdout.strip()}; Engine 25 or newer is needed."
        )
    if _docker("buildx", "version").returncode != 0:
        raise ImagesError("Docker's plug-in buildx is missing: apt install docker-buildx (or docker-buildx-plugin).")


def check_bases(root: Path, bases: Mapping[str, str]) -> None:
    """Pulls the base images that are not here; raises ImagesError when one cannot be had."""
    for variable, default in _defaults(root):
        name = bases.get(variable, default) + bases.get(variable.replace("_IMAGE", "_DIGEST"), "")
        if _docker("image", "inspect", name).returncode == 0:
            continue
        print(f"pulling {name}", flush=True)
        pulled = _docker("pull", "--quiet", name)
        if pulled.returncode != 0:
            reason = (pulled.stderr.strip().splitlines() or ["no reason given"])[-1]
            advice = (
                "without an image registry: make images OFFLINE=1" if UNREACHABLE.search(reason) else f"see {variable}"
            )
            raise ImagesError(f"The base image {name} is not here and cannot be pulled ({reason}); {advice}")


def make(root: Path, offline: bool) -> None:
    """Builds all; raises ImagesError for the first that fails, when those at hand are done."""
    check_engine()
    choose(root, offline)
    bases = overrides(root)
    check_bases(root, bases)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        building = [pool.submit(build, root, image, bases) for image in images(root)]
        try:
            for done in concurrent.futures.as_completed(building):
                print(done.result(), flush=True)
        finally:
            pool.shutdown(cancel_futures=True)
            check_engine()


def _image(folder: Path) -> Image:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return Image(folder.name, "service", project["description"], project["version"], folder.parent.name)


def _defaults(root: Path) -> Iterator[tuple[str, str]]:
    """The base images of the Dockerfile: variable and upstream name."""
    for found in re.finditer(r"^ARG (\w+_IMAGE)=(\S+)$", (root / "deploy" / "Dockerfile").read_text(), re.MULTILINE):
        yield found[1], found[2]


def _secrets() -> list[str]:
    """pip's settings, when a person named their file: they are there while packages are fetched, and in no layer."""
    settings = os.environ.get("PIP_CONFIG_FILE", "")
    return ["--secret", f"id=pip.conf,src={settings}"] if Path(settings).is_file() else []


def _revision(root: Path) -> str:
    said = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return said.stdout.strip()


def _megabytes(name: str) -> int:
    return round(int(_docker("image", "inspect", "--format", "{{.Size}}", name).stdout) / 1e6)


def _docker(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)


def main() -> int:
    """-> 0 when every image is there."""
    try:
        make(ROOT, offline="--offline" in sys.argv[1:])
    except ImagesError as refused:
        print(refused, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
