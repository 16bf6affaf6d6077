"""Make the locks in requirements/ anew: `make lock`.

pip-compile resolves against the package index and writes down the hashes of all files of each version that it lists.
The locks hold for CPython 3.11 on x86-64 Linux, where they are made. Of torch there are two builds: the index has the
one for CUDA, whose libraries go to a lock of their own; the CPU build is added where pip finds it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "requirements"
EXTRAS = {"demo": ("convert", "weights-base"), "dev": ("dev",)}
CUDA = re.compile(r"(nvidia|cuda)-")
"""Packages that only the CUDA build of torch needs."""
OPTIONS = (
    "--quiet", "--generate-hashes", "--allow-unsafe", "--no-header", "--no-annotate", "--strip-extras",
    "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links", "--unsafe-package", "ovw",
)  # fmt: skip
OWN_INDEX = {"PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"}
"""Settings that would put this machine's files among those of the index."""


def compile_lock(extras: tuple[str, ...]) -> dict[str, str]:
    """Name -> the lines of a requirement with its hashes."""
    environment = {name: value for name, value in os.environ.items() if name not in OWN_INDEX}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lock.txt"
        named = [f"--extra={extra}" for extra in extras]
        command = [sys.executable, "-m", "piptools", "compile", *OPTIONS, *named, f"--output-file={out}"]
        command += ["--constraint=constraints.txt", "pyproject.toml"]
        subprocess.run(command, cwd=ROOT, env=environment | {"PIP_CONFIG_FILE": os.devnull}, check=True)
        return blocks(out.read_text(encoding="utf-8"))


def blocks(text: str) -> dict[str, str]:
    """Name -> the lines of a requirement with its hashes."""
    found = re.findall(r"^([a-zA-Z0-9._-]+)==.*(?:\n    --hash=.*)+", text, re.MULTILINE)
    lines = re.findall(r"^[a-zA-Z0-9._-]+==.*(?:\n    --hash=.*)+", text, re.MULTILINE)
    return dict(zip(found, lines, strict=True))


def add_cpu_build(torch: str) -> str:
    """The hash of the CPU wheel, where pip finds one, beside those of the index."""
    version = re.findall(r"==(\S+)", torch)[0]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        if subprocess.run([*command, f"torch=={version}+cpu"], check=False).returncode:
            print("pip finds no CPU build of torch: the lock has the CUDA build alone", file=sys.stderr)
            return torch
        shown = subprocess.run(
            [sys.executable, "-m", "pip", "hash", *map(str, Path(folder).iterdir())],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    (digest,) = re.findall(r"--hash=\S+", shown)
    return f"{torch} \\\n    {digest}"


def write(name: str, packages: dict[str, str]) -> None:
    """Write a lock, in the order of the names."""
    LOCKS.mkdir(exist_ok=True)
    lines = [f"# {name}: made by scripts/lock.py", *(packages[key] for key in sorted(packages))]
    (LOCKS / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Write all locks."""
    torch, cuda = "", {}
    for name, extras in EXTRAS.items():
        packages = compile_lock(extras)
        torch = torch or add_cpu_build(packages["torch"])
        cuda |= {key: packages.pop(key) for key in list(packages) if CUDA.match(key)}
        write(name, packages | {"torch": torch})
    write("cuda", cuda)


if __name__ == "__main__":
    main()
