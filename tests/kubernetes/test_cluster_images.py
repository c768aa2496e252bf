"""`make k8s-images`, with tools that write down what they are asked."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cluster import image_names, images
from containers import images as built

Asked = Callable[[], list[str]]

# Answers of docker, kind, k3d and minikube; `refused` makes one command fail.
TOOL = f"""#!{sys.executable}
import json, os, pathlib, sys
me = pathlib.Path(__file__)
line = " ".join([me.name, *sys.argv[1:]])
with (me.parent / "asked").open("a") as log:
    log.write(line + "\\n")
refused = os.environ.get("REFUSED")
if refused and refused in line:
    sys.exit("denied: requested access to the resource is denied")
if "inspect" in sys.argv:
    labels = {{"org.opencontainers.image.version": "0.1.0", "demae.digest": "abcdef123456"}}
    print(json.dumps([{{"Config": {{"Labels": labels if "demae/" in line else None}}}}]))
if line == "kind get clusters":
    print("kind\\nother")
if line.startswith("k3d cluster list"):
    print("k3s-default   1/1   0/0   true")
if line.startswith("minikube profile list"):
    print(json.dumps({{"valid": [{{"Name": "minikube"}}]}}))
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the tools were asked; the images count as built."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("docker", "kind", "k3d", "minikube"):
        (folder / name).write_text(TOOL)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(built, "ensure", lambda *_: [])
    monkeypatch.setattr(built, "overrides", lambda _: {})
    return lambda: (folder / "asked").read_text().splitlines() if (folder / "asked").exists() else []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout of two services and the manifests."""
    root = tmp_path / "tree"
    for name in ("api", "payment"):
        (root / "services" / name).mkdir(parents=True)
    (root / "deploy" / "k8s" / "images").mkdir(parents=True)
    return root


@pytest.fixture(autouse=True)
def two_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is deployed."""
    some = [built.Image(name, "", "0.1.0", "services", ()) for name in ("api", "payment")]
    monkeypatch.setattr(image_names, "deployed", lambda _: some)


def named(root: Path) -> list[dict[str, str]]:
    """What the manifests are told."""
    found: list[dict[str, str]] = yaml.safe_load(image_names.path(root / "deploy" / "k8s").read_text())["images"]
    return found


def test_registry_is_pushed_and_named(asked: Asked, tree: Path) -> None:
    """Every build has a tag of its own: no node keeps an older one."""
    said: list[str] = []
    images.to_registry(tree, "ghcr.io/me/demae/", False, said.append)
    assert "docker push --quiet ghcr.io/me/demae/api:0.1.0-abcdef123456" in asked()
    assert named(tree) == [
        {"name": f"demae/{name}", "newName": f"ghcr.io/me/demae/{name}", "newTag": "0.1.0-abcdef123456"}
        for name in ("api", "payment")
    ]
    assert said[-1] == "next: kubectl apply -k deploy/k8s"


@pytest.mark.parametrize(
    ("tool", "loaded"),
    [
        ("kind", "kind load docker-image demae/api:{tag} demae/payment:{tag} --name kind"),
        ("k3d", "k3d image import demae/api:{tag} demae/payment:{tag} --cluster k3s-default"),
        ("minikube", "minikube image load demae/api:{tag} demae/payment:{tag} --profile minikube"),
    ],
)
def test_cluster_is_loaded_and_named(asked: Asked, tree: Path, tool: str, loaded: str) -> None:
    """The names stay ours, the tag is that of the build."""
    images.to_cluster(tree, tool, "", False, lambda _: None)
    assert asked()[-1] == loaded.format(tag="0.1.0-abcdef123456")
    assert named(tree)[0] == {"name": "demae/api", "newTag": "0.1.0-abcdef123456"}


def test_stand_ins_come_along(asked: Asked, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where upstream's images are others here, a node could not fetch them either."""
    monkeypatch.setattr(built, "overrides", lambda _: {"POSTGRES_IMAGE": "offline/postgres:17", "PYTHON_IMAGE": "x"})
    images.to_cluster(tree, "kind", "other", False, lambda _: None)
    assert asked()[-1].endswith("offline/postgres:17 --name other")
    assert named(tree)[-1] == {"name": "postgres", "newName": "offline/postgres", "newTag": "17"}


@pytest.mark.parametrize(
    ("tool", "cluster", "message"),
    [
        ("kind", "typo", "kind has no cluster typo: kind create cluster"),
        ("k8s", "", "CLUSTER=k8s is none of kind, k3d, minikube"),
    ],
)
def test_missing_cluster_is_named(asked: Asked, tree: Path, tool: str, cluster: str, message: str) -> None:
    """Before anything is built."""
    with pytest.raises(images.BringError, match=message):
        images.to_cluster(tree, tool, cluster, False, lambda _: None)
    assert not any(line.startswith("docker") for line in asked())


def test_missing_tool_is_named(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to do."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert shutil.which("kind") is None
    with pytest.raises(images.BringError, match="kind is missing: install it, or name a registry"):
        images.to_cluster(tree, "kind", "", False, lambda _: None)


def test_refused_push_changes_no_name(asked: Asked, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Manifests that name images which are nowhere would end in ImagePullBackOff."""
    monkeypatch.setenv("REFUSED", "push --quiet ghcr.io/me/demae/payment")
    with pytest.raises(images.BringError, match=r"denied.*docker login ghcr.io"):
        images.to_registry(tree, "ghcr.io/me/demae", False, lambda _: None)
    assert not image_names.path(tree / "deploy" / "k8s").exists()
