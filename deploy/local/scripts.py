"""GraphiQL's scripts, out of their WebJars: what the edge serves under /graphiql, in every runtime.

With the standard library only, because an image's build runs it as a program: `python scripts.py JARS TARGET`.
"""

import sys
import zipfile
from pathlib import Path

# File in /graphiql → the WebJar, and where the file lies in it.
SCRIPTS = {
    "graphiql.min.js": ("graphiql", "graphiql.min.js"),
    "graphiql.min.css": ("graphiql", "graphiql.min.css"),
    "graphql-ws.min.js": ("graphql-ws", "umd/graphql-ws.min.js"),
    "react.production.min.js": ("react", "umd/react.production.min.js"),
    "react-dom.production.min.js": ("react-dom", "umd/react-dom.production.min.js"),
}


def unpack(jars: Path, target: Path) -> list[Path]:
    """Writes the scripts into `target`; -> the jars they came from."""
    target.mkdir(parents=True, exist_ok=True)
    for name, (artifact, inside) in SCRIPTS.items():
        with zipfile.ZipFile(_webjar(jars, artifact)) as jar:
            path = next(p for p in jar.namelist() if p.endswith(f"/{inside}") and f"/webjars/{artifact}/" in p)
            (target / name).write_bytes(jar.read(path))
    return [_webjar(jars, artifact) for artifact in {artifact for artifact, _ in SCRIPTS.values()}]


def _webjar(jars: Path, artifact: str) -> Path:
    """Raises StopIteration when Maven did not bring it."""
    return next(jars.glob(f"{artifact}-[0-9]*.jar"))


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
