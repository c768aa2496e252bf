"""`make test`: the checks, then every test. It has its own ports and data, so it runs beside a running `make up`."""

import os
import subprocess
import sys

from local import check, fetch
from runtime import layout
from runtime.layout import ROOT


def main() -> int:
    """-> 0 when the checks are clean and every test passes. Arguments go to pytest."""
    if os.environ.get("RUNTIME", "local") != "local":
        print(f"RUNTIME={os.environ['RUNTIME']} is not there: the tests run on local processes (RUNTIME=local).")
        return 1
    clean = check.check()
    # Before the first test, whose time is bounded.
    if fetch.fetch(layout.from_environment()):
        print("── fetched the broker, Connect and Debezium")
    print("── tests, on local processes", flush=True)
    words = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    tested = subprocess.run(words, cwd=ROOT, check=False).returncode
    if not clean:
        print("The checks above are not clean.")
    return tested or (0 if clean else 1)


if __name__ == "__main__":
    sys.exit(main())
