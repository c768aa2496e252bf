"""The provider's settings. It shares nothing with demae's services, not even this."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EX_CONFIG = 78  # sysexits.h: "configuration error"
REQUIRED = ("HTTP_PORT", "PROVIDER_KEY", "PROVIDER_LOG")
SECRETS = "/run/secrets"  # where engines and Kubernetes mount them; variable SECRETS names another folder


@dataclass(frozen=True, slots=True)
class Settings:
    """HTTP_HOST, HTTP_PORT, PROVIDER_KEY (a secret file's name, too), PROVIDER_LOG and PROVIDER_LATENCY_MS."""

    host: str
    port: int
    key: str
    log: Path
    latency: float  # seconds


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings, or exit code 78 naming every variable that is missing or no number."""
    file = Path(environ.get("SECRETS") or SECRETS) / "PROVIDER_KEY"
    if file.is_file() and not environ.get(file.name):
        environ = {**environ, file.name: file.read_text().strip()}
    hints = {file.name: f", and there is no file {file}"}
    faults = [f"{name} is not set{hints.get(name, '')}" for name in REQUIRED if not environ.get(name)]
    numbers = {"HTTP_PORT": "0", "PROVIDER_LATENCY_MS": "0"} | {k: v for k, v in environ.items() if v}
    faults += [
        f"{name} is not a number" for name in ("HTTP_PORT", "PROVIDER_LATENCY_MS") if not numbers[name].isdigit()
    ]
    if faults:
        sys.stderr.write("\n".join(faults) + "\n")
        raise SystemExit(EX_CONFIG)
    return Settings(
        host=environ.get("HTTP_HOST") or "127.0.0.1",
        port=int(numbers["HTTP_PORT"]),
        key=environ["PROVIDER_KEY"],
        log=Path(environ["PROVIDER_LOG"]),
        latency=int(numbers["PROVIDER_LATENCY_MS"]) / 1000,
    )
