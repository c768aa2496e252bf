"""Imported by every Python that has this folder on its path, before anything else: makes the process a mutant."""

import os

if name := os.environ.get("DEMAE_MUTANT"):
    from mutants.install import install

    install(name)
