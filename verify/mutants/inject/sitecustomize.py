"""Imported by every Python that has this folder on its path, before anything else: may make the process a mutant."""

import os
from pathlib import Path

if (file := os.environ.get("DEMAE_MUTANT")) and (name := Path(file).read_text().strip()):
    from mutants.install import install

    install(name)
