"""The stand-in of debian:trixie-slim: debootstrap from the machine's own mirror, and the certificates it trusts.

What is built on it so reaches the same registries as the machine. Needs root, to unpack a system with its owners.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from containers.build import BuildError
from containers.engine import Engine

RELEASE = "trixie"
MIRROR = "Debian Debian "  # how apt names it, before its address
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
LABEL = "demae.digest"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SETTINGS = {
    "CMD": '["bash"]',
    # For programs that do not read the system's store by themselves.
    "ENV": f"SSL_CERT_FILE={CERTIFICATES[0]} PATH={PATH}",
}
APT = """Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Get::Assume-Yes "true";
Dpkg::Use-Pty "false";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
"""
DPKG = "".join(f"path-exclude /usr/share/{name}/*\n" for name in ("doc", "man", "info", "locale", "lintian"))
FORGET = (
    *("var/cache/apt/archives/*.deb", "var/cache/apt/*.bin", "var/lib/apt/lists/*"),
    *("var/log/*.log", "var/cache/debconf/*-old"),
    *("usr/share/doc/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/lintian/*", "usr/share/man/*/*"),
)


@dataclass(frozen=True)
class Machine:
    """What the base takes over: where packages come from, by which proxy, and who is trusted."""

    mirror: str
    security: str
    proxy: str
    certificates: tuple[str, ...]


def ensure(tag: str) -> bool:
    """Builds it where it is missing or made of other things; False when it is there. Raises BuildError."""
    machine = look()
    digest = hashlib.sha256((repr(machine) + Path(__file__).read_text()).encode()).hexdigest()[:12]
    found = Engine().inspect("image", [tag])
    if found and (found[0]["Config"]["Labels"] or {}).get(LABEL) == digest:
        return False
    install("debootstrap", "ca-certificates")
    root = Path(tempfile.mkdtemp(prefix="demae-base-"))
    try:
        _bootstrap(root, machine)
        _import(root, tag, digest)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return True


def look() -> Machine:
    """This machine's. Raises BuildError when apt knows no Debian mirror."""
    bundles = [Path(os.environ.get("SSL_CERT_FILE") or CERTIFICATES[0]), *map(Path, CERTIFICATES)]
    bundle = next((one.read_text() for one in bundles if one.is_file()), "")
    targets = _targets()
    if MIRROR not in targets and shutil.which("apt-get"):  # it is known from what an update brings
        _run(["apt-get", "update", "-qq"], dict(os.environ))
        targets = _targets()
    proxies = [row for row in _said("apt-config", "dump").splitlines() if re.match(r"Acquire::https?::Proxy ", row)]
    if MIRROR not in targets:
        raise BuildError("apt knows no Debian mirror, and the stand-ins are built from Debian's packages.")
    return Machine(
        mirror=_first(targets, rf"^{MIRROR}(\S+)$"),
        security=_first(targets, r"^Debian Debian-Security (\S+)$"),
        proxy="\n".join(proxies),
        certificates=tuple(dict.fromkeys(PEM.findall(bundle))),
    )


def _targets() -> str:
    return _said("apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Created-By: Packages")


def install(*packages: str) -> None:
    """Brings Debian packages that are missing. Raises BuildError where that cannot be done."""
    if os.geteuid() != 0:
        raise BuildError("The stand-ins begin with debootstrap, which needs root: sudo make images OFFLINE=1")
    status = _said("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages)
    missing = [name for name in packages if f"{name} installed" not in status.splitlines()]
    if not missing or (shutil.which("debootstrap") and not shutil.which("apt-get")):
        return
    if not shutil.which("apt-get"):
        raise BuildError("debootstrap is missing: install it, with a keyring of Debian")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], quiet)
    _run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing], quiet)


def _bootstrap(root: Path, machine: Machine) -> None:
    keys = ["--keyring", KEYS] if Path(KEYS).exists() else []
    _run(["debootstrap", *keys, "--variant=minbase", "--include=ca-certificates", RELEASE, str(root), machine.mirror])
    suites = [(machine.mirror, RELEASE), (machine.mirror, f"{RELEASE}-updates")]
    suites += [(machine.security, f"{RELEASE}-security")] if machine.security else []
    _write(root / "etc/apt/sources.list", "".join(f"deb {mirror} {suite} main\n" for mirror, suite in suites))
    _write(root / "etc/apt/apt.conf.d/80-small", APT)
    _write(root / "etc/apt/apt.conf.d/90-proxy", machine.proxy + "\n")
    _write(root / "etc/dpkg/dpkg.cfg.d/small", DPKG)
    _trust(root, machine.certificates)
    for pattern in FORGET:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _trust(root: Path, certificates: Sequence[str]) -> None:
    """Adds the certificates that Debian does not ship."""
    shipped = "".join(path.read_text() for path in (root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    known = {_key(pem) for pem in PEM.findall(shipped)}
    for number, pem in enumerate(pem for pem in certificates if _key(pem) not in known):
        _write(root / f"usr/local/share/ca-certificates/machine-{number}.crt", pem + "\n")
    _run(["chroot", str(root), "update-ca-certificates"])


def _import(root: Path, tag: str, digest: str) -> None:
    changes = [word for name, value in SETTINGS.items() for word in ("--change", f"{name} {value}")]
    words = ["docker", "import", *changes, "--change", f"LABEL {LABEL}={digest}", "-", tag]
    with subprocess.Popen(["tar", "-C", str(root), "--numeric-owner", "-c", "."], stdout=subprocess.PIPE) as packing:
        done = subprocess.run(words, stdin=packing.stdout, capture_output=True, text=True, check=False)
    if done.returncode != 0 or packing.returncode != 0:
        raise BuildError(f"{tag} could not be imported: {done.stderr.strip()}")


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def _run(words: Sequence[str], variables: dict[str, str] | None = None) -> None:
    done = subprocess.run(words, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        end = (done.stdout + done.stderr).splitlines()[-8:]
        raise BuildError("\n".join([f"{' '.join(words[:2])} failed:", *end]))


def _said(*words: str) -> str:
    """What a program prints; nothing where it is missing."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def _first(text: str, pattern: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else ""


def _key(pem: str) -> str:
    return "".join(pem.split())
