"""Fetches what custom resources are held against: npm's models and Strimzi's, once for each version of their lists."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runtime.errors import Refusal
from runtime.layout import Layout

STRIMZI = "io.strimzi.api.kafka.model"
CLASSES = ("kafka.Kafka", "nodepool.KafkaNodePool", "connect.KafkaConnect", "topic.KafkaTopic", "user.KafkaUser")
GENERATOR = "io.fabric8.crd.generator.cli.CRDGeneratorCLI"
FETCH_SECONDS = 300


class SchemasError(Refusal):
    """What custom resources are checked with cannot be fetched."""


def folder(layout: Layout) -> Path:
    """`validate.mjs` with its packages, and Strimzi's definitions in `crds`. Fetched at first use: needs npm and Maven.

    Two at once do no harm: the first to finish wins. Raises SchemasError.
    """
    source = layout.root / "deploy" / "k8s" / "schemas"
    files = sorted(path for path in source.iterdir() if path.is_file())
    version = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    home = layout.downloads / f"schemas-{version}"
    if home.exists():
        return home
    layout.downloads.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=layout.downloads, prefix="fresh-"))
    try:
        for path in files:
            shutil.copy(path, fresh)
        _run("npm", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], fresh)
        _run("Maven", ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"], fresh)
        _generate(fresh)
        if not home.exists():
            fresh.rename(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return home


def _generate(home: Path) -> None:
    """Strimzi's classes into `crds/*.yml`; the jars are needed no more."""
    jars = [f"jars/{path.name}" for path in sorted((home / "jars").iterdir())]
    (home / "crds").mkdir()
    classes = [f"{STRIMZI}.{name}" for name in CLASSES]
    given = [word for jar in jars for word in ("-cp", jar)]
    _run("Java", ["java", "-cp", ":".join(jars), GENERATOR, "-o", "crds", *given, *classes], home)
    shutil.rmtree(home / "jars")


def _run(tool: str, words: Sequence[str], where: Path) -> None:
    try:
        done = subprocess.run(
            words,
            cwd=where,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=FETCH_SECONDS,
        )
    except FileNotFoundError as missing:
        raise SchemasError(
            f"{words[0]} is missing: custom resources are checked with Node.js, Maven and Java."
        ) from missing
    except subprocess.TimeoutExpired as late:
        raise SchemasError(f"{tool} did not end within {FETCH_SECONDS} s.") from late
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][:15]
        raise SchemasError(f"{tool} could not fetch the schemas of custom resources:\n" + "\n".join(said))
