"""The packages that an installed ovw runs with: a bill of materials (CycloneDX 1.6), or their licences as a table.

python scripts/sbom.py > sbom.json
python scripts/sbom.py --licences
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from uuid import uuid4

from packaging.requirements import Requirement

ROOT = "ovw"


def canonical(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(root: str = ROOT) -> dict[str, Distribution]:
    """Every installed package that a package needs, with all of its extras, and itself."""
    found: dict[str, Distribution] = {}
    waiting = [(root, tuple(distribution(root).metadata.get_all("Provides-Extra") or ()))]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (canonical(name), extras) in seen:
            continue
        seen.add((canonical(name), extras))
        try:
            package = distribution(name)
        except PackageNotFoundError:  # of an extra that is not installed
            continue
        found[canonical(name)] = package
        waiting += list(_needs(package, extras))
    return dict(sorted(found.items()))


def _needs(package: Distribution, extras: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in package.requires or ():
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield need.name, tuple(sorted(need.extras))


def licence(package: Distribution) -> str:
    """What a package's metadata states in one line: SPDX expression, classifiers, or the first line of the text."""
    facts = package.metadata
    if expression := facts.get("License-Expression"):
        return str(expression)
    classes = [c.rpartition("::")[2].strip() for c in facts.get_all("Classifier") or () if c.startswith("License ::")]
    named = [name for name in classes if name != "OSI Approved"]
    text = str(facts.get("License") or "").strip().splitlines()
    return "; ".join(named) or (text[0][:80] if text else "unknown")


def bill(packages: dict[str, Distribution]) -> dict[str, object]:
    """The bill of materials of these packages."""
    components = [_component(name, package) for name, package in packages.items()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": next(part for part in components if part["name"] == ROOT) | {"type": "application"},
        },
        "components": [part for part in components if part["name"] != ROOT],
        "dependencies": [_edges(name, package, packages) for name, package in packages.items()],
    }


def _reference(name: str, package: Distribution) -> str:
    return f"pkg:pypi/{name}@{package.version}"


def _component(name: str, package: Distribution) -> dict[str, object]:
    stated = licence(package)
    return {
        "type": "library",
        "bom-ref": _reference(name, package),
        "name": name,
        "version": package.version,
        "purl": _reference(name, package),
        "licenses": [{"license": {"name": stated}}],
    }


def _edges(name: str, package: Distribution, packages: dict[str, Distribution]) -> dict[str, object]:
    needs = sorted({canonical(need) for need, _ in _needs(package, ())} & set(packages))
    return {"ref": _reference(name, package), "dependsOn": [_reference(need, packages[need]) for need in needs]}


def main() -> None:
    """Print what was asked for."""
    packages = closure()
    if "--licences" in sys.argv[1:]:
        for name, package in packages.items():
            print(f"{name:32} {package.version:16} {licence(package)}")
    else:
        json.dump(bill(packages), sys.stdout, indent=2)
        print()


if __name__ == "__main__":
    main()
