"""Fetches what comes from Maven Central, once for each version of the pom."""

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local import scripts
from local.errors import FetchError
from runtime.layout import Layout


@dataclass(frozen=True)
class Downloads:
    """`jars` is the class path of broker and Connect, `scripts` what the edge serves under /graphiql."""

    jars: Path
    scripts: Path


def where(layout: Layout) -> Downloads:
    """The folders for the pom as it is now, fetched or not."""
    version = hashlib.sha256(_pom(layout).read_bytes()).hexdigest()[:12]
    home = layout.downloads / version
    return Downloads(home / "jars", home / "scripts")


def fetch(layout: Layout) -> bool:
    """Brings the downloads; False when they are there. Two at once do no harm: the first to finish wins."""
    home = where(layout).jars.parent
    if home.exists():
        return False
    layout.downloads.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=layout.downloads, prefix="fresh-"))
    try:
        _maven(_pom(layout), fresh)
        _scripts(fresh)
        fresh.chmod(0o755)
        if not home.exists():
            fresh.rename(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return True


def _pom(layout: Layout) -> Path:
    return layout.root / "deploy" / "local" / "pom.xml"


def _maven(pom: Path, target: Path) -> None:
    # A copy of the pom: Maven writes beside the one it is given.
    own = shutil.copy(pom, target / "pom.xml")
    words = ["mvn", "-q", "-B", "-f", own, "dependency:copy-dependencies", f"-DoutputDirectory={target / 'jars'}"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][:15]
        raise FetchError("Maven could not fetch the broker and Debezium:\n" + "\n".join(said))


def _scripts(home: Path) -> None:
    """Unpacks the scripts and takes their jars off the class path."""
    for jar in scripts.unpack(home / "jars", home / "scripts"):
        jar.unlink()
