"""The manifests in one file, for `kubectl apply -f`, with the images of this version, not of `make k8s-images`."""

import shutil
import tempfile
from pathlib import Path

from cluster import image_names
from cluster.render import render

HEAD = """# demae in namespace demae: kubectl apply -f kubernetes-manifests.yaml
# Written by `make k8s-release`, from deploy/k8s. Where its nodes find the images: see deploy/k8s/README.md.
"""


def path(root: Path) -> Path:
    return root / "deploy" / "release" / "kubernetes-manifests.yaml"


def text(root: Path) -> str:
    """What the file must hold. Raises RenderError."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "k8s"
        shutil.copytree(root / "deploy" / "k8s", copy, ignore=shutil.ignore_patterns("overlays", "schemas"))
        image_names.path(copy).write_text(image_names.of_version(root))
        return HEAD + render(copy)


def write(root: Path) -> Path:
    """Writes it; -> where."""
    path(root).parent.mkdir(exist_ok=True)
    path(root).write_text(text(root))
    return path(root)
