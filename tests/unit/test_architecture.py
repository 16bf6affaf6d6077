"""The house: what may import what, and how light it stays."""

import ast
import json
import re
import subprocess
import sys
import tomllib

import pytest
from support.modules import ROOT, imports_of, modules, nodes_of, text_of

PEERS = ("ovw.engines.openai_whisper", "ovw.engines.standalone")
HEAVY = {"torch", "nncf", "onnx", "transformers", "whisper", "openvino_tokenizers"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
FLOORS = PYPROJECT["importlinter"]["contracts"][0]["layers"]
LAYERS = [[f"ovw.{name}" for name in re.findall(r"\w+", floor)] for floor in FLOORS]
"""A module may import from its own layer and from those after it."""
VERBS = next([f"ovw.{name}" for name in floor.split(" | ")] for floor in FLOORS if "|" in floor)


def layer_of(module: str) -> int | None:
    return next(
        (i for i, names in enumerate(LAYERS) if any(module == n or module.startswith(n + ".") for n in names)), None
    )


def imported_from(packages: set[str], *, but: tuple[str, ...]) -> list[str]:
    """Imports of one of these packages, leaving out the modules that may."""
    pairs = [(name, imported) for name in modules() if not name.startswith(but) for imported in imports_of(name)]
    return [f"{name} imports {imported}" for name, imported in pairs if imported.split(".")[0] in packages]


def test_arrows_go_one_way() -> None:
    wrong = []
    for name in modules():
        own = layer_of(name)
        for imported in imports_of(name):
            theirs = layer_of(imported)
            if own is None or theirs is None:
                continue
            if theirs < own:
                wrong.append(f"{name} imports {imported}, which stands above it")
            both_verbs = name.startswith(tuple(VERBS)) and imported.startswith(tuple(VERBS))
            if both_verbs and name.split(".")[1] != imported.split(".")[1]:
                wrong.append(f"{name} imports another verb, {imported}")
    assert not wrong


def test_only_convert_and_adapters_import_heavy_packages() -> None:
    assert not imported_from(HEAVY, but=("ovw.convert", "ovw.adapters", *PEERS))


PICTURES = {"altair", "vl_convert", "gradio", "IPython", "ipywidgets"}
"""Packages that draw: no verb needs them but those that show pictures."""
DRAWING = ("ovw.report.charts", "ovw.report.page", "ovw.report.pipeline", "ovw.report.view", "ovw.ui")


def test_only_pictures_import_packages_that_draw() -> None:
    assert not imported_from(PICTURES, but=DRAWING)


@pytest.mark.parametrize(
    "module", ["ovw", "ovw.cli", "ovw.cli.app", "ovw.transcribe", "ovw.api.whisper", "ovw.audio.inputs"]
)
def test_importing_stays_light(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    loaded = set(json.loads(out))
    assert not loaded & (HEAVY | PICTURES | {"jinja2"})
    if module in ("ovw", "ovw.cli", "ovw.cli.app"):
        assert not loaded & {"openvino", "numpy", "pydantic", "av"}
    if module == "ovw.audio.inputs":
        assert "http" not in loaded  # what opens connections is for addresses only


def test_every_package_is_installed() -> None:
    setuptools = PYPROJECT["setuptools"]
    roots = {folder: package for package, folder in setuptools["package-dir"].items()}
    folders = [path.parent.relative_to(ROOT) for root in roots for path in (ROOT / root).rglob("__init__.py")]
    expected = {".".join([roots[folder.parts[0]], *folder.parts[1:]]) for folder in folders}
    assert sorted(setuptools["packages"]) == sorted(expected)


def test_encoders_decoders_and_audio_have_types() -> None:
    """No `Any` in the place of an encoder, a decoder or encoded audio."""
    loose = re.compile(
        r"\b(encoder|decoder|aligner|audio|sessions?)\b\w*(\([^)]*\))?\s*(:|->|=)\s*Any\b", re.IGNORECASE
    )
    for folder in ("runtime", "transcribe", "engines"):
        for path in (ROOT / "ovw" / folder).rglob("*.py"):
            assert not loose.findall(path.read_text(encoding="utf-8")), path


def test_house_style() -> None:
    for name in modules():
        assert len(text_of(name).splitlines()) <= 300, f"{name} is too long"
        for node in nodes_of(name):
            if isinstance(node, ast.FunctionDef) and not name.startswith("ovw.cli"):
                assert (node.end_lineno or 0) - node.lineno < 80, f"{name}.{node.name} is too long"
