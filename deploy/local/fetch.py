"""Fetches what comes from Maven Central, once for each version of the pom."""

import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from local.errors import FetchError
from runtime.layout import Layout

# File in /graphiql → where it lies in its WebJar.
SCRIPTS = {
    "graphiql.min.js": ("graphiql", "graphiql.min.js"),
    "graphiql.min.css": ("graphiql", "graphiql.min.css"),
    "graphql-ws.min.js": ("graphql-ws", "umd/graphql-ws.min.js"),
    "react.production.min.js": ("react", "umd/react.production.min.js"),
    "react-dom.production.min.js": ("react-dom", "umd/react-dom.production.min.js"),
}


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
    scripts = home / "scripts"
    scripts.mkdir()
    for name, (artifact, inside) in SCRIPTS.items():
        with zipfile.ZipFile(_webjar(home / "jars", artifact)) as jar:
            path = next(p for p in jar.namelist() if p.endswith(f"/{inside}") and f"/webjars/{artifact}/" in p)
            (scripts / name).write_bytes(jar.read(path))
    for artifact, _ in set(SCRIPTS.values()):
        _webjar(home / "jars", artifact).unlink(missing_ok=True)


def _webjar(jars: Path, artifact: str) -> Path:
    found = list(jars.glob(f"{artifact}-[0-9]*.jar"))
    return found[0] if found else jars / f"{artifact}.jar"
