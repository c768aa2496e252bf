"""Where the system is and how to speak to it: read from the environment that `./demae` sets."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.errors import CONFIGURATION, CommandError

SECRET_BYTES = 32  # RFC 7518, 3.2
SECRETS = "/run/secrets"  # where engines and Kubernetes mount them; variable SECRETS names another folder
NEEDED = {
    "DEMAE_URL": "the address of the edge, such as http://127.0.0.1:8000",
    "JWT_SECRET": "the secret that signs development tokens",
}


@dataclass(frozen=True)
class Configuration:
    """`url` has no trailing slash; `jwt_secret` signs HS256 tokens."""

    url: str
    jwt_secret: str


def configuration(environment: Mapping[str, str] | None = None) -> Configuration:
    """Raises CommandError naming every missing or unusable variable at once."""
    values = with_secrets(os.environ if environment is None else environment)
    problems = [f"  {name} is not set: {meaning}" for name, meaning in NEEDED.items() if not values.get(name)]
    url = values.get("DEMAE_URL", "").rstrip("/")
    if url and not usable(url):
        problems.append(f"  DEMAE_URL is {url!r}: it must look like http://127.0.0.1:8000")
    if 0 < len(values.get("JWT_SECRET", "").encode()) < SECRET_BYTES:
        problems.append(f"  JWT_SECRET is shorter than {SECRET_BYTES} bytes: HS256 needs as many")
    if problems:
        advice = (
            "Run ./demae at the root of the repository: it takes both from the running system (`make up` starts one)."
        )
        raise CommandError("\n".join(["The environment is not complete:", *problems, advice]), CONFIGURATION)
    return Configuration(url, values["JWT_SECRET"])


def with_secrets(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, and JWT_SECRET from the secret file of that name where only that is there."""
    file = Path(environment.get("SECRETS") or SECRETS) / "JWT_SECRET"
    if environment.get(file.name) or not file.is_file():
        return environment
    return {**environment, file.name: file.read_text().strip()}


def usable(url: str) -> bool:
    """True for an http(s) address with a host."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)
