"""`kubectl kustomize`, from a kubectl that is new enough."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import yaml

from cluster.manifests import Manifests
from runtime.errors import Refusal

OLDEST = (1, 27)  # the first whose kustomize knows all that is used here
RENDER_SECONDS = 60
# The fast one, where PyYAML has it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ADVICE = "any kubectl ≥ 1.27: https://kubernetes.io/docs/tasks/tools, or Debian 13's package kubectl"


class RenderError(Refusal):
    """Nothing could be rendered; the message says why."""


def kubectl() -> str:
    """Where it is. Raises RenderError when it is missing or too old."""
    found = shutil.which("kubectl")
    if found is None:
        raise RenderError(f"The program kubectl is missing: install {ADVICE}.")
    version, name = _version(found)
    if version < OLDEST:
        raise RenderError(f"{found} is too old: it is {name}. Install {ADVICE}.")
    return found


@cache
def _version(program: str) -> tuple[tuple[int, int], str]:
    """As numbers, and as it says it itself."""
    done = _run([program, "version", "--client", "--output=json"])
    try:
        said = json.loads(done.stdout)["clientVersion"]
    except (ValueError, KeyError):
        raise RenderError(f"{program} does not say its version: {done.stderr.strip()[-300:]}") from None
    return (int(said["major"]), int(re.sub(r"\D", "", said["minor"]))), str(said["gitVersion"])


def render(folder: Path) -> str:
    """The manifests of a kustomization, as kubectl would apply them. Raises RenderError, for a warning too."""
    done = _run([kubectl(), "kustomize", str(folder)])
    if done.returncode != 0 or done.stderr.strip():
        raise RenderError(f"{folder} does not render cleanly:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


def read(rendered: str) -> Manifests:
    """The manifests of a rendered text."""
    return [one for one in yaml.load_all(rendered, Loader=LOADER) if one]


def _run(words: list[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=RENDER_SECONDS)
    except subprocess.TimeoutExpired:
        raise RenderError(f"{words[0]} did not answer within {RENDER_SECONDS} s") from None
