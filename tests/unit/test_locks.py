"""Lock files: every package that is installed has a hash, and they are what pyproject.toml and constraints.txt ask for."""

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.modules import ROOT

LOCK = runpy.run_path(str(ROOT / "scripts" / "lock.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
LOCKS = {lock.name: lock for lock in (*LOCK["LOCKS"], LOCK["TORCH"])}
FILES = {name: (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8") for name in LOCKS}
INSTALLS = ("demo", "dev", "browser", "notebook")
TORCH = re.compile(r"(torch|nvidia-.*|cuda-.*)")


def with_own_extras(requirements: list[str]) -> Iterator[Requirement]:
    """Requirements, with those of ovw's own extras in place of their names."""
    for line in requirements:
        needed = Requirement(line)
        if needed.name == "ovw":
            yield from with_own_extras([one for extra in needed.extras for one in EXTRAS[extra]])
        else:
            yield needed


def direct(name: str) -> list[Requirement]:
    """Requirements that a lock is made from, as pyproject.toml has them."""
    lock = LOCKS[name]
    if lock.group:
        return list(with_own_extras(PROJECT["dependency-groups"][lock.group]))
    own = [one for extra in lock.extras for one in EXTRAS[extra]]
    own += PROJECT["project"]["dependencies"] if lock.extras else []
    return list(with_own_extras(own + PROJECT["build-system"]["requires"]))


@cache
def locked(name: str) -> dict[str, list[Requirement]]:
    """Rows of a lock, of those that it includes, and of PyTorch's, by package."""
    found: dict[str, list[Requirement]] = {}
    texts, lock = [FILES["torch"], FILES[name]], LOCKS[name]
    while lock.base:
        lock = LOCKS[lock.base]
        texts.append(FILES[lock.name])
    for text in texts:
        for row in LOCK["rows"](text):
            needed = Requirement(row)
            found.setdefault(canonicalize_name(needed.name), []).append(needed)
    return found


def version(needed: Requirement) -> str:
    return str(needed.specifier).removeprefix("==")


def test_every_file_is_known() -> None:
    assert {path.stem for path in (ROOT / "requirements").iterdir()} == set(LOCKS)


@pytest.mark.parametrize("name", LOCKS)
def test_every_row_is_one_version_with_hashes_of_the_index(name: str) -> None:
    _, *lines = FILES[name].splitlines()
    base = f"-r {LOCKS[name].base}.txt"
    rest = [line for line in lines if line != base]
    row = re.compile(r"[a-z0-9-]+==[A-Za-z0-9.]+( ; [^@/\\]+)? \\")
    assert [
        line
        for line in rest
        if not row.fullmatch(line) and not re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)
    ] == []
    assert all(text.count("--hash=") for text in LOCK["rows"](FILES[name]).values())
    assert (base in lines) == bool(LOCKS[name].base)


@pytest.mark.parametrize("name", [name for name in LOCKS if name != "torch"])
def test_pyproject_is_locked(name: str) -> None:
    for needed in direct(name):
        rows = locked(name).get(canonicalize_name(needed.name))
        assert rows, f"{needed} is not in requirements/{name}.txt: make lock"
        assert all(needed.specifier.contains(version(row)) for row in rows), f"{needed} and {rows}: make lock"


def test_versions_known_good_together_are_the_locked_ones() -> None:
    pins = [
        Requirement(line)
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    for name in LOCKS:
        for pin in pins:
            for row in locked(name).get(canonicalize_name(pin.name), []):
                assert row.specifier == pin.specifier, (
                    f"{row} in requirements/{name}.txt, {pin} in constraints.txt: make lock"
                )


def test_a_package_has_one_row_in_what_is_resolved_together() -> None:
    seen: dict[str, str] = {}
    for name in LOCK["TOGETHER"]:
        for requirement, row in LOCK["rows"](FILES[name]).items():
            package = LOCK["name_of"](requirement)
            assert seen.setdefault(package, row).split(" ;")[0].split(" \\")[0] == requirement.split(" ;")[0]


def test_pytorch_and_what_its_cuda_builds_need_are_apart() -> None:
    """Its builds differ by index: a row with hashes of one would refuse the others."""
    assert all(TORCH.fullmatch(LOCK["name_of"](row)) for row in LOCK["rows"](FILES["torch"]))
    for name in set(LOCKS) - {"torch"}:
        assert not [row for row in LOCK["rows"](FILES[name]) if TORCH.fullmatch(LOCK["name_of"](row))], name


def needs(requirements: list[Requirement]) -> set[str]:
    """Installed packages that requirements need on this system, themselves included."""
    waiting = [(canonicalize_name(one.name), frozenset(one.extras)) for one in requirements if applies(one, {""})]
    seen = set()
    while waiting:
        package = waiting.pop()
        if package in seen:
            continue
        seen.add(package)
        lines = map(Requirement, distribution(package[0]).requires or ())
        waiting += [
            (canonicalize_name(one.name), frozenset(one.extras)) for one in lines if applies(one, package[1] | {""})
        ]
    return {name for name, _ in seen}


def applies(needed: Requirement, extras: set[str] | frozenset[str]) -> bool:
    return needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras)


def test_the_lock_has_all_that_dev_needs_and_no_more() -> None:
    here = {
        package: row
        for package, rows in locked("dev").items()
        for row in rows
        if applies(row, {""}) and not TORCH.fullmatch(package)
    }
    try:
        other = {package for package, row in here.items() if distribution(package).version != version(row)}
    except PackageNotFoundError as missing:
        other = {str(missing)}
    if other:
        pytest.skip(f"another environment than that of requirements/dev.txt: {', '.join(sorted(other))}")
    needed = {package for package in needs(direct("dev")) if not TORCH.fullmatch(package)}
    assert needed == set(here), "make lock"


def test_nothing_is_installed_without_a_hash() -> None:
    """Of the Makefile and the workflow: the project itself brings nothing, and only PyTorch's build is free."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    variables = dict(re.findall(r"^(\w+) := (.*)$", makefile, flags=re.MULTILINE))
    for _ in variables:
        makefile = re.sub(r"\$\((\w+)\)", lambda found: variables.get(found[1], found[0]), makefile)
    installs = [
        line
        for line in (makefile + workflow).splitlines()
        if "pip install" in line and not re.match(r"(PIP_INSTALL|LOCKED|OVW) ", line)
    ]
    free = [line for line in installs if "--no-deps" not in line or "--no-build-isolation" not in line]
    assert len(installs) >= 8
    assert [line.split()[0] for line in free] == ["TORCH_any"]
    assert all("--require-hashes" in line or re.search(r" \.$", line) for line in installs if line not in free), (
        installs
    )
