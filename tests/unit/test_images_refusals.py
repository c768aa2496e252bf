"""What `make images` says when something is not there: one line that says what to do. `docker` is a stand-in."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from containers import base_images, images
from containers.build import Build, BuildError, build
from containers.engine import EngineGone
from containers.fetch import FetchError
from runtime import layout
from runtime.errors import Refusal

FINE = """
case "$*" in
  "version"*) echo 1.45 ;;
  "compose version"*) echo 2.26.1 ;;
  "info"*) echo 8000000000 ;;
  "image inspect"*) echo '[]'; exit 1 ;;
  "pull"*) echo 'Get "https://registry/v2/": dial tcp: lookup registry: no such host' >&2; exit 1 ;;
esac
"""
DOCKERFILE = "ARG PYTHON_IMAGE=python:3.13-slim\nARG PYTHON_DIGEST=\nFROM ${PYTHON_IMAGE}${PYTHON_DIGEST}\n"
BASES = ("PYTHON", "POSTGRES", "KAFKA", "CONNECT", "CADDY", "MAVEN")
Fake = Callable[[str], None]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a script in docker's place."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    for name in ("PYTHON_IMAGE", "PYTHON_DIGEST"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "bin").mkdir()

    def write(script: str) -> None:
        (tmp_path / "bin" / "docker").write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / "bin" / "docker").chmod(0o755)

    return write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with nothing but the Dockerfile, and the list of stand-ins."""
    for name, text in (("deploy/Dockerfile", DOCKERFILE), ("deploy/offline/images.env", "PYTHON_IMAGE=mine/python\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demae"\nversion = "1"\n')
    return tmp_path


def refused(root: Path) -> str:
    """What `make images` says."""
    with pytest.raises(Refusal) as caught:
        images.make(root, offline=False)
    return str(caught.value)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            'echo "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?" >&2; exit 1',
            "Start it",
        ),
        ('case "$*" in "version"*) echo 1.41 ;; esac', "too old"),
        (FINE.replace("case", '[ "$1" != buildx ] || exit 1\ncase', 1), "buildx is missing"),
        (FINE, "make images OFFLINE=1"),
        (FINE.replace("Get", "Error response from daemon: connect: connection refused"), "make images OFFLINE=1"),
    ],
    ids=["stopped", "old", "without-buildx", "no-registry", "registry-refuses"],
)
def test_refusal_says_what_to_do(docker: Fake, root: Path, script: str, words: str) -> None:
    """A person reads a sentence, and no log of a build."""
    docker(script)
    said = refused(root)
    assert words in said
    assert len(said.splitlines()) <= 2


def test_failed_build_keeps_choice(docker: Fake, root: Path) -> None:
    """Stand-ins that hold are not forgotten by a `make images` that cannot fetch upstream's."""
    base_images.remember(root, offline=True)
    docker(FINE)
    refused(root)
    assert base_images.overrides(root)["PYTHON_IMAGE"] == "mine/python"


def test_environment_wins(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that a person gives is used, whatever was chosen before; a plain `make images` forgets the stand-ins."""
    monkeypatch.setenv("PYTHON_IMAGE", "yours/python")
    base_images.remember(root, offline=True)
    assert base_images.overrides(root)["PYTHON_IMAGE"] == "yours/python"
    monkeypatch.delenv("PYTHON_IMAGE")
    base_images.remember(root, offline=False)
    assert "PYTHON_IMAGE" not in base_images.overrides(root)


def test_other_tools_names_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what Dockerfile and compose.yaml declare counts: each of them, and nothing that merely looks like it."""
    names = [f"{base}_{word}" for base in BASES for word in ("IMAGE", "DIGEST")]
    for name in (*names, "BASE_IMAGE", "RUNNER_IMAGE", "DEMAE_IMAGES"):
        monkeypatch.setenv(name, "theirs")
    assert set(base_images.chosen(layout.ROOT, offline=False)) == set(names)


def test_digest_pins_the_base(docker: Fake, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NAME_DIGEST is part of what is looked for and fetched."""
    docker(FINE)
    monkeypatch.setenv("PYTHON_DIGEST", "@sha256:00")
    with pytest.raises(FetchError, match="@sha256:00 is not here"):
        base_images.ensure(root, base_images.chosen(root, offline=False), print)


def test_unreachable_registry_is_a_line(docker: Fake, root: Path) -> None:
    """OFFLINE=auto goes on with stand-ins, and says why; an engine that is gone ends it."""
    said: list[str] = []
    docker(FINE)
    assert not images._reachable(root, said.append)
    assert said[-1].startswith("The image python:3.13-slim is not here and cannot be fetched")
    docker('echo "Cannot connect to the Docker daemon" >&2; exit 1')
    with pytest.raises(EngineGone):
        images._reachable(root, said.append)


def test_failed_build_shows_log(docker: Fake, root: Path) -> None:
    """The end of the log, and where it lies; the other images are built all the same."""
    docker(
        'case "$*" in *"--tag bad"*) echo "E: no such package"; exit 1 ;; *inspect*) echo 62000000 ;; *) echo 1 ;; esac'
    )
    said: list[str] = []
    wanted = [Build(name, name, "deploy/Dockerfile", "service") for name in ("bad", "good")]
    with pytest.raises(BuildError, match="E: no such package") as caught:
        build(root, wanted, said.append)
    assert os.fspath(root / ".run" / "images" / "bad.log") in str(caught.value)
    assert [line.split()[:3] for line in said] == [["good", "62", "MB"]]


def test_engine_that_dies_is_named(docker: Fake, root: Path) -> None:
    """A daemon that went away in the middle is the reason, and not the line that a build ended with."""
    docker('case "$1" in build) echo EOF; exit 1 ;; *) echo "Cannot connect to the Docker daemon" >&2; exit 1 ;; esac')
    with pytest.raises(Refusal, match="does not answer"):
        build(root, [Build("one", "one", "deploy/Dockerfile", "service")], print)
