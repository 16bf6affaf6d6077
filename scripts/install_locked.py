"""Install ovw with the packages of a lock, every file checked by its hash: `python scripts/install_locked.py demo`.

Run it with the interpreter of the environment that is to be filled. The locks hold for CPython 3.11 on x86-64 Linux;
with `--applies` it only reports by its exit code whether that is here.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from importlib.metadata import requires
from pathlib import Path

from lock import LOCKS, ROOT, blocks

FIRST = ("setuptools", "torch")
"""Builds packages that come as sources; decides by its build whether the lock of CUDA's libraries is needed."""


def applies() -> bool:
    """Whether the locks hold for this interpreter."""
    return (platform.system(), platform.machine(), sys.version_info[:2]) == ("Linux", "x86_64", (3, 11))


def install(*arguments: str) -> None:
    """Run pip."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-build-isolation"]
    subprocess.run([*command, *arguments], cwd=ROOT, check=True)


def main(name: str) -> None:
    """Install the packages of a lock, then ovw itself."""
    lock = LOCKS / f"{name}.txt"
    packages = blocks(lock.read_text(encoding="utf-8"))
    for package in FIRST:
        with tempfile.TemporaryDirectory() as folder:
            alone = Path(folder) / "alone.txt"
            alone.write_text(packages[package] + "\n", encoding="utf-8")
            install("--require-hashes", "--no-deps", "--requirement", str(alone))
    has_cuda = any("cuda" in needed for needed in requires("torch") or ())
    locks = [lock, LOCKS / "cuda.txt"] if has_cuda else [lock]
    install("--require-hashes", *(part for path in locks for part in ("--requirement", str(path))))
    install("--no-deps", "--editable", ".")


if __name__ == "__main__":
    if sys.argv[1:] == ["--applies"]:
        sys.exit(not applies())
    main(*sys.argv[1:])
