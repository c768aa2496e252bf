"""How root runs a program that refuses to be root (Postgres), wherever the checkout lies."""

import os
from pathlib import Path

# "nobody": present on every Unix, owns nothing else here.
UID = 65534


def prefix() -> list[str]:
    """The words to put in front of a command: none for an ordinary user.

    For root the program runs as another user that keeps one capability, reading past closed folders:
    without it nothing inside root's home (mode 0700) could be reached, neither the program nor its data.
    """
    if os.geteuid() != 0:
        return []
    keep = "+dac_override"
    user = ["--reuid", str(UID), "--regid", str(UID), "--clear-groups"]
    # access(2) would ask without the capability, unless this bit is set; initdb asks so for its neighbours.
    honest = ["--securebits", "+no_setuid_fixup"]
    return ["setpriv", *user, *honest, "--inh-caps", keep, "--ambient-caps", keep, "--"]


def own(folder: Path) -> None:
    """Makes `folder` (empty, or all its files' owner already right) belong to the user that `prefix` changes to."""
    if os.geteuid() == 0:
        os.chown(folder, UID, UID)
