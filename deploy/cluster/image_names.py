"""deploy/k8s/images/kustomization.yaml: under which names and tags a cluster finds its images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from containers import images

HEAD = """# Names and tags of the images; `make k8s-images` writes them for a registry, or a cluster on this machine.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
"""
PREFIX = "demae"
NOT_DEPLOYED = ("actors",)  # people, for whom a cluster has others


@dataclass(frozen=True)
class Named:
    """What an image is called in a cluster."""

    name: str
    tag: str = ""


def path(manifests: Path) -> Path:
    """Below deploy/k8s."""
    return manifests / "images" / "kustomization.yaml"


def deployed(root: Path) -> list[images.Image]:
    """Our images that the manifests use."""
    return [image for image in images.images(root) if image.name not in NOT_DEPLOYED]


def of_version(root: Path) -> str:
    """As the file is delivered: our own names, with the version of the tree."""
    return written({f"{PREFIX}/{image.name}": Named("", image.version) for image in deployed(root)})


def written(named: Mapping[str, Named]) -> str:
    """The file's text: image in the manifests → what a cluster calls it."""
    lines = [f"  - {{name: {image}, {_said(one)}}}\n" for image, one in sorted(named.items())]
    return HEAD + "".join(lines)


def _said(named: Named) -> str:
    said = {"newName": named.name, "newTag": named.tag}
    return ", ".join(f"{key}: {_text(value)}" for key, value in said.items() if value)


def _text(value: str) -> str:
    """A tag like 17 would be read as a number."""
    return value if isinstance(yaml.safe_load(value), str) else f'"{value}"'
