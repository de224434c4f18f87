#!/usr/bin/env python3
"""Set bakeoff up in this checkout: an environment in .venv with the exact versions of requirements.lock, bakeoff itself
(editable), and the plays for data=shakespeare in the user's cache. Done once; run again, it returns at once.

Needs Python 3.11 or later and a network. Where the plays can't be had, it says so and all other data sets work.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = ENVIRONMENT / "installed"
IMPORTED = (
    *("torch._dynamo", "transformers", "lm_eval", "sklearn.metrics", "scipy.stats", "pyarrow.dataset"),
    *("matplotlib.figure", "numba", "optuna", "hydra", "pydantic", "wandb", "starlette", "uvicorn"),
)
"""What the commands import sooner or later."""


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036
        print(f"bakeoff needs Python 3.11 or later; this is {sys.version.split()[0]}. Run install.py with a later one.")
        return 2
    content = b"".join((ROOT / name).read_bytes() for name in ("requirements.lock", "pyproject.toml"))
    wanted = hashlib.sha256(content + str(ROOT).encode()).hexdigest()
    if not (STAMP.exists() and STAMP.read_text() == wanted):
        print("Setting up .venv (once; a few minutes) ...", flush=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
            pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
            subprocess.run([*pip, "--requirement", str(ROOT / "requirements.lock")], check=True)
            subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], check=True)
        except subprocess.CalledProcessError as error:
            print(
                f"\nSetting up failed at: {' '.join(error.cmd)}\n"
                "Its own message is above. Usual causes: no network, too little disk space (about 3 GB "
                "are needed), or on Debian "
                "and Ubuntu a missing package python3-venv. Mend it and run install.py again; it goes on from here."
            )
            return 1
        # Python keeps the bytecode of what it imports; otherwise the first commands would take seconds longer. To
        # compile whole packages takes minutes, and most of their files are never imported.
        with subprocess.Popen([str(PYTHON), "-c", f"import {', '.join(IMPORTED)}"]):
            fetch()
        STAMP.write_text(wanted)
    else:
        fetch()
    print(f"bakeoff is set up. Try: {BIN / 'bakeoff'} compare")
    return 0


def fetch() -> None:
    """The plays. Its own message says what to do; everything but data=shakespeare works without."""
    subprocess.run([str(BIN / "bakeoff"), "fetch"], check=False)


if __name__ == "__main__":
    sys.exit(main())
