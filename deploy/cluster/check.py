"""`make k8s-check`: what is known about the manifests without a cluster. All of it runs, also when a part fails."""

import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cluster import custom, facts, policy, release, schema
from cluster.manifests import Manifests
from cluster.render import RenderError, kubectl, read, render
from runtime import layout

COMPONENTS = "components"
Rendered = Mapping[str, Manifests | RenderError]


def check(root: Path) -> bool:
    """Prints a line for each kustomization, and what is wrong with it; -> whether all are clean. Raises Refusal."""
    kubectl()  # without it each would say the same
    with combinations(root) as combined:
        rendered = {name: _render(folder) for name, folder in [*kustomizations(root), *combined]}
    known = facts.collect(root)
    results = [_say(name, _violations(one, known)) for name, one in rendered.items()]
    return all([*results, _fit(rendered), _in_step(root)])


def kustomizations(root: Path) -> list[tuple[str, Path]]:
    """The system as it is delivered, and every overlay."""
    k8s = root / "deploy" / "k8s"
    folders = [k8s, *sorted(path.parent for path in k8s.glob("overlays/*/kustomization.yaml"))]
    return [(str(folder.relative_to(root)), folder) for folder in folders]


@contextmanager
def combinations(root: Path) -> Iterator[list[tuple[str, Path]]]:
    """The base with each component, and with each two of them, in folders that are gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "k8s"
        shutil.copytree(root / "deploy" / "k8s", copy, ignore=shutil.ignore_patterns("overlays", "schemas"))
        names = sorted(path.parent.name for path in copy.glob(f"{COMPONENTS}/*/kustomization.yaml"))
        chosen = [*((name,) for name in names), *itertools.combinations(names, 2)]
        yield [(f"base + {' + '.join(some)}", _combined(copy, some)) for some in chosen]


def _combined(copy: Path, components: tuple[str, ...]) -> Path:
    folder = copy / "+".join(components)
    folder.mkdir()
    listed = "".join(f"  - ../{COMPONENTS}/{name}\n" for name in components)
    text = f"namespace: demae\nresources: [../base]\ncomponents:\n{listed}  - ../images\n"
    (folder / "kustomization.yaml").write_text(text)
    return folder


def _render(folder: Path) -> Manifests | RenderError:
    try:
        return read(render(folder))
    except RenderError as error:
        return error


def _violations(rendered: Manifests | RenderError, known: facts.Facts) -> list[str]:
    return [str(rendered)] if isinstance(rendered, RenderError) else policy.violations(rendered, known)


def _fit(rendered: Rendered) -> bool:
    """Each manifest against its schema: once, in however many kustomizations it is."""
    every = [one for some in rendered.values() if not isinstance(some, RenderError) for one in some]
    once = list({json.dumps(one, sort_keys=True, default=str): one for one in every}.values())
    own = [one for one in once if not custom.is_custom(one)]
    clean = _say(f"{len(own)} different manifests, Kubernetes {' and '.join(schema.VERSIONS)}", schema.faults(own))
    others = len(once) - len(own)
    return _say(f"{others} custom resources", custom.faults(once, layout.from_environment())) and clean


def _in_step(root: Path) -> bool:
    file = release.path(root)
    same = file.exists() and file.read_text() == release.text(root)
    return _say(str(file.relative_to(root)), [] if same else ["is not what deploy/k8s renders: make k8s-release"])


def _say(what: str, found: list[str]) -> bool:
    print(f"{'✗' if found else '✓'} {what}", flush=True)
    for fault in found:
        print(f"    {fault}", flush=True)
    return not found
