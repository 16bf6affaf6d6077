"""Write requirements/*.txt: every package that `make` installs, with the SHA-256 of each file of its release.

python scripts/lock.py UV              keep the locked versions that still fit, add and remove what has to be
python scripts/lock.py UV --upgrade    the newest versions that pyproject.toml and constraints.txt allow

UV is the program of uv. It resolves for every system and Python at once, and takes the hashes from the package index.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "requirements"
HEADER = "# Written by `make lock`. {about}\n"
CUDA = ("nvidia-", "cuda-")
"""Names of packages that only PyTorch's builds for CUDA need."""


@dataclass(frozen=True)
class Lock:
    """One file: a set of requirements of pyproject.toml, less the rows of another file that is installed with it."""

    name: str
    about: str
    extras: tuple[str, ...] = ()
    group: str = ""
    base: str = ""


LOCKS = (
    Lock("build", "Builds ovw and the packages that have no wheel."),
    Lock("demo", "`make demo`: convert and weights-base.", extras=("convert", "weights-base"), base="build"),
    Lock("dev", "`make test` and `make lint`: dev.", extras=("dev",), base="demo"),
    Lock("browser", "`make test-browser`: browser.", extras=("browser",), base="dev"),
    Lock("notebook", "`make notebook`: notebook.", extras=("notebook",), base="demo"),
    Lock("optimum", "`make test-slow`: optimum-intel, in an environment of its own.", group="optimum"),
    Lock("audit", "`make audit`: pip-audit, in an environment of its own.", group="audit"),
    Lock("lock", "`make lock`: uv, in an environment of its own.", group="lock"),
)
TORCH = Lock("torch", "PyTorch as the package index has it: on Linux with CUDA. See docs/security.md.")
TOGETHER = ("build", "demo", "dev", "browser", "notebook")
"""Locks that are resolved as one, so that a package has one version in all of them."""
LEFT_OUT = {"optimum": ("torchvision",)}
"""optimum-intel brings a torchvision that does not go with PyTorch's CPU build; what is used of it works without."""

Rows = dict[str, str]
"""Requirement (name, version, marker) to the text of its row, hashes included."""


def rows(text: str) -> Rows:
    """Rows of a requirements file, without comments, options and files that it includes."""
    found = re.findall(r"^(?=[A-Za-z0-9]).*(?:\n[ ]+--hash.*)*", text, flags=re.MULTILINE)
    return {row.partition(" \\\n")[0]: row for row in found}


def name_of(requirement: str) -> str:
    """A requirement's package."""
    return re.split(r"[=\s]", requirement)[0]


def is_torch(requirement: str) -> bool:
    """Whether a package is PyTorch or comes with its builds for CUDA alone."""
    return name_of(requirement) == "torch" or name_of(requirement).startswith(CUDA)


def text_of(found: Rows) -> str:
    """Rows as a requirements file has them."""
    return "".join(f"{row}\n" for row in found.values())


class Resolver:
    """uv, with the project's range of Pythons."""

    def __init__(self, uv: str, folder: Path) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        self._folder = folder
        self._builds = folder / "builds.in"
        self._builds.write_text("\n".join(project["build-system"]["requires"]), encoding="utf-8")
        self._command = [
            uv, "pip", "compile", "--quiet", "--no-config", "--universal", "--fork-strategy", "fewest",
            "--python-version", project["project"]["requires-python"].removeprefix(">="),
            "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
        ]  # fmt: skip

    def resolve(self, locks: list[Lock], limits: Path, preferred: Rows) -> Rows:
        """Rows that the requirements of some locks need together, within the versions of a constraints file."""
        output = self._folder / f"{locks[0].name}.txt"
        output.write_text(text_of(preferred), encoding="utf-8")
        sources: list[str | Path] = []
        for lock in locks:
            sources += ["--group", f"pyproject.toml:{lock.group}"] if lock.group else []
            sources += [arg for extra in lock.extras for arg in ("--extra", extra)]
        sources += ["pyproject.toml"] if any(lock.extras for lock in locks) else []
        sources += [] if any(lock.group for lock in locks) else [self._builds]
        command = [*self._command, "--constraint", limits, *sources, "--output-file", output]
        subprocess.run(command, cwd=ROOT, check=True)
        return rows(output.read_text(encoding="utf-8"))


def write(lock: Lock, found: Rows) -> None:
    """One file of the folder."""
    included = f"-r {lock.base}.txt\n" if lock.base else ""
    (FOLDER / f"{lock.name}.txt").write_text(HEADER.format(about=lock.about) + included + text_of(found), "utf-8")
    print(f"requirements/{lock.name}.txt  {len(found)} packages")


def main(uv: str, *, upgrade: bool = False) -> None:
    """Resolve what goes together as one, then find the part of each lock in it."""
    short = ROOT / "constraints.txt"
    before = {} if upgrade else {path.stem: rows(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.txt")}
    with TemporaryDirectory() as folder:
        resolver = Resolver(uv, Path(folder))
        known = {requirement: row for name in (*TOGETHER, "torch") for requirement, row in before.get(name, {}).items()}
        together = resolver.resolve([lock for lock in LOCKS if lock.name in TOGETHER], short, known)
        shared = {name_of(requirement) for requirement in together}
        everything = Path(folder) / "everything.txt"
        everything.write_text(text_of(together), encoding="utf-8")
        covered: dict[str, Rows] = {"": {}}
        for lock in LOCKS:
            own = {r: row for r, row in before.get(lock.name, {}).items() if name_of(r) not in shared}
            limits = everything if lock.name in TOGETHER else short
            found = resolver.resolve([lock], limits, together | own)
            dropped = LEFT_OUT.get(lock.name, ())
            kept = found.keys() - covered[lock.base].keys()
            write(lock, {r: found[r] for r in sorted(kept) if not is_torch(r) and name_of(r) not in dropped})
            covered[lock.name] = covered[lock.base] | found
    write(TORCH, {requirement: row for requirement, row in together.items() if is_torch(requirement)})


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    main(sys.argv[1], upgrade="--upgrade" in sys.argv[2:])
