"""Every image holds what its service declares, no more and no less, and runs with nothing allowed."""

import contextlib
import functools
import os
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from packaging.requirements import Requirement

import assemble
from containers import base_images, images
from containers.images import Image
from local.scripts import SCRIPTS
from runtime.errors import Refusal
from runtime.layout import ROOT
from tests.support import throwaway

ALL = images.images(ROOT)
PROGRAMS = [image for image in ALL if image.folder]
SOON = 10.0  # 2 s on an idle machine; one that hears nothing is killed after 30
OCI = "org.opencontainers.image."
# What a process needs in order to start; nothing listens there, so that it waits for its database.
SETTINGS = throwaway.environment(
    **{"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/demae", "KAFKA_BOOTSTRAP": "127.0.0.1:1"},
    **{"HEALTH_HOST": "0.0.0.0", "HEALTH_PORT": 9000, "HTTP_HOST": "0.0.0.0", "HTTP_PORT": 8000},
    **{"JWT_SECRET": "x" * 40, "PROVIDER_URL": "http://127.0.0.1:1", "PROVIDER_KEY": "x", "PROVIDER_LOG": "/tmp/log"},
    **{"CONNECT_URL": "http://127.0.0.1:1", "CDC_DATABASE_HOST": "127.0.0.1", "CDC_DATABASE_PORT": 1},
    **{"CDC_DATABASE_NAME": "demae", "CDC_DATABASE_USER": "cdc", "CDC_DATABASE_PASSWORD": "x"},
    **{"ADMIN_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/postgres"},
)
# Image → arguments, and the port where it says that it lives. The people of `actors` come and go: they are no server.
SPECIAL = {"api": (("http",), 9000), "bootstrap": (("watch",), 9000), "provider": ((), 8000)}
SERVERS: dict[str, tuple[tuple[str, ...], int]] = {
    image.name: SPECIAL.get(image.name, ((), 9000))
    for image in PROGRAMS
    if image.name in SPECIAL or image.folder == "services"
}
LOOK = """
import importlib.metadata, json, os, pathlib, platform, site, sys
def packages(path): return {one.name: one.version for one in importlib.metadata.distributions(path=[path])}
app = pathlib.Path("/app")
print(json.dumps({
    "packages": packages("/dependencies"),
    "others": [name for path in sys.path if path != "/dependencies" for name in packages(path)],
    "files": [str(path.relative_to(app)) for path in app.rglob("*") if path.is_file()],
    "user": [os.getuid(), os.getgid()],
    "writable": [path for path in ("/app", "/dependencies", "/") if os.access(path, os.W_OK)],
    "markers": {"python_version": "%d.%d" % sys.version_info[:2], "python_full_version": platform.python_version(),
                "sys_platform": sys.platform, "platform_machine": platform.machine()},
}))
"""
pytestmark = pytest.mark.usefixtures("built")


@pytest.fixture(scope="module")
def built(engine: None) -> None:
    """The images of the present sources."""
    try:
        images.ensure(ROOT, print)
    except Refusal as refused:
        if os.environ.get("RUNTIME") == "compose":
            pytest.fail(str(refused))
        pytest.skip(str(refused))


@functools.cache
def inside(name: str) -> dict[str, Any]:
    """What is in an image, seen from within, with every restriction that compose sets."""
    found: dict[str, Any] = throwaway.python(images.tag(name), LOOK)
    return found


def locked(name: str, markers: dict[str, str]) -> dict[str, str]:
    """Package → version of the image's lock, for its own Python."""
    lines = (ROOT / "requirements" / "images" / f"{name}.txt").read_text().splitlines()
    wanted = [Requirement(line.rstrip("\\ ")) for line in lines if line and line[0] not in " #"]
    return {
        assemble.package(one.name): str(one.specifier).removeprefix("==")
        for one in wanted
        if one.marker is None or one.marker.evaluate({**markers, "extra": ""})
    }


def data(image: Image) -> list[str]:
    """The folders that its pyproject says are its own."""
    said = tomllib.loads((ROOT / image.folder / image.name / "pyproject.toml").read_text())
    found: list[str] = said.get("tool", {}).get("demae", {}).get("image", {}).get("data", [])
    return found


@pytest.mark.parametrize("image", PROGRAMS, ids=lambda image: image.name)
def test_packages_are_the_locked(image: Image) -> None:
    """No package but those of the lock, each in its version; of the base, pip alone."""
    found = inside(image.name)
    packages = {assemble.package(name): version for name, version in found["packages"].items()}
    assert packages == locked(image.name, found["markers"])
    assert set(found["others"]) <= {"pip", "setuptools", "wheel"}


@pytest.mark.parametrize("image", PROGRAMS, ids=lambda image: image.name)
def test_code_is_its_own(image: Image) -> None:
    """Not a file of another service: its folder, the members it names, the files it asks for, and their bytecode."""
    parts = assemble.parts(ROOT, ROOT / image.folder / image.name)
    own = assemble.files(ROOT, [path.relative_to(ROOT).as_posix() for path in parts])
    expected = {"__main__.py", *(path.relative_to(ROOT).as_posix() for path in own)}
    files = set(inside(image.name)["files"])
    assert {name for name in files if not name.endswith(".pyc")} == expected
    compiled = {
        re.sub(r"__pycache__/(.+)\.cpython-\d+\.pyc$", r"\1.py", name) for name in files if name.endswith(".pyc")
    }
    assert compiled == {name for name in expected if name.endswith(".py")}


@pytest.mark.parametrize("image", PROGRAMS, ids=lambda image: image.name)
def test_user_may_change_nothing(image: Image) -> None:
    """It runs as a user who is nobody, and owns nothing of what it runs."""
    assert inside(image.name)["user"] == [10001, 10001]
    assert inside(image.name)["writable"] == []


@pytest.mark.parametrize("image", [one for one in PROGRAMS if data(one)], ids=lambda image: image.name)
def test_volume_belongs_to_user(image: Image) -> None:
    """A new volume takes the owner of the folder that it is mounted on."""
    mounts = [word for path in data(image) for word in ("--volume", path)]
    words = ["-c", " && ".join(f"touch {path}/it" for path in data(image))]
    more = [*throwaway.HARDENED, *mounts, "--entrypoint", "sh"]
    assert throwaway.once(images.tag(image.name), *words, more=more).code == 0


@pytest.mark.parametrize("image", ALL, ids=lambda image: image.name)
def test_configuration_is_plain(image: Image) -> None:
    """No root, no health check of the engine's, no shell, nothing secret, and labels that say what it is."""
    said = throwaway.described(images.tag(image.name))["Config"]
    assert said["User"] == "10001:10001"
    assert "Healthcheck" not in said
    assert said["Entrypoint"] == (["python", "/app"] if image.folder else ["caddy"])
    assert not [line for line in said["Env"] if re.search(r"PASSWORD|SECRET|KEY=|DATABASE_URL", line)]
    labels = {name.removeprefix(OCI): value for name, value in said["Labels"].items() if name.startswith(OCI)}
    assert labels.pop("revision", "") == "" or re.fullmatch(r"[0-9a-f]{40}", said["Labels"][f"{OCI}revision"])
    assert labels == {
        **{"title": image.name, "description": image.description, "version": image.version},
        **{"vendor": "demae", "licenses": "Apache-2.0"},
    }


@pytest.mark.parametrize("image", ALL, ids=lambda image: image.name)
def test_two_layers_above_base(image: Image) -> None:
    """What changes seldom, and what changes with each commit."""
    variable, default = ("PYTHON_IMAGE", "python:3.13-slim") if image.folder else ("CADDY_IMAGE", "caddy:2")
    base = throwaway.described(base_images.overrides(ROOT).get(variable, default))["RootFS"]["Layers"]
    layers = throwaway.described(images.tag(image.name))["RootFS"]["Layers"]
    assert layers[: len(base)] == base
    assert len(layers) == len(base) + 2


def test_same_packages_same_layer() -> None:
    """Services with the same locked packages share that layer, on disk and in a registry."""
    layers: dict[str, set[str]] = {}
    for image in PROGRAMS:
        lock = (ROOT / "requirements" / "images" / f"{image.name}.txt").read_text()
        layers.setdefault(lock, set()).add(throwaway.described(images.tag(image.name))["RootFS"]["Layers"][-2])
    assert [len(same) for same in layers.values()] == [1] * len(layers)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, throwaway.Running]]:
    """All of them, started at once: each waits for a database that never comes."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                throwaway.started(images.tag(name), *words, more=[*throwaway.HARDENED, *SETTINGS])
            )
            for name, (words, _) in SERVERS.items()
        }


@pytest.mark.parametrize("name", SERVERS)
def test_server_ends_when_asked(name: str, servers: dict[str, throwaway.Running]) -> None:
    """It starts with a read-only root and no capability, and ends by itself on SIGTERM: no shell swallows it."""
    servers[name].answers(SERVERS[name][1], "/live")
    code, seconds = servers[name].stop()
    assert code == 0, servers[name].logs()[-2000:]
    assert seconds < SOON


def test_arguments_reach_program() -> None:
    """The image is its program: what stands behind its name are the program's arguments."""
    said = throwaway.once(images.tag("bootstrap"), "--help", more=throwaway.HARDENED)
    assert said.code == 0
    assert "usage: bootstrap" in said.out


def test_edge_serves_our_files() -> None:
    """The screens, the REST document, and in development GraphiQL with its scripts, without a capability."""
    open_too = throwaway.environment(EXTRAS="/edge/graphiql.caddy")
    with throwaway.started(images.tag("edge"), more=[*throwaway.HARDENED, *open_too]) as edge:
        wanted = ["/", "/watch.js", "/openapi.yaml", "/graphiql/", *(f"/graphiql/scripts/{name}" for name in SCRIPTS)]
        for path in wanted:
            edge.does("wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:8000{path}")
        code, seconds = edge.stop()
    assert code == 0
    assert seconds < SOON


def test_edge_drops_file_capability() -> None:
    """Upstream's binary has a file capability, and cannot be executed where a container may have none; ours has not."""
    base = base_images.overrides(ROOT).get("CADDY_IMAGE", "caddy:2")
    nobody = ("--user", "10001:10001", *throwaway.HARDENED)
    assert "not permitted" in throwaway.once(base, "caddy", "version", more=nobody).err
    assert throwaway.once(images.tag("edge"), "version", more=throwaway.HARDENED).out.startswith("v2.")
