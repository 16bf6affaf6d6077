"""The notebook is small, short and as it was written."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest
from support.tiny_whisper import ROOT

NOTEBOOK = ROOT / "notebooks" / "video-subtitles.ipynb"
MOST_CELLS = 14
MOST_BYTES = 1_000_000
MOST_COLUMNS = 120
ABSOLUTE = re.compile(r"""(?:^|[\s"'(=`:>\[]|file://)/[\w.-]+/[\w./-]*""", re.MULTILINE)
"""A path from the root of some machine."""


def cells(kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_size() -> None:
    assert NOTEBOOK.stat().st_size < MOST_BYTES
    assert len(cells("code")) + len(cells("markdown")) <= MOST_CELLS


def test_code_is_whole_and_fits_the_page() -> None:
    for cell in cells("code"):
        ast.parse(source(cell))
        assert all(len(line) <= MOST_COLUMNS for line in source(cell).splitlines())


def test_outputs_are_of_a_clean_run() -> None:
    """Executed from top to bottom, without an error, on no named machine."""
    assert [cell["execution_count"] for cell in cells("code")] == list(range(1, len(cells("code")) + 1))
    assert not [output for cell in cells("code") for output in cell["outputs"] if output["output_type"] == "error"]
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert ABSOLUTE.findall(text) == []


@pytest.mark.slow
@pytest.mark.weights
def test_it_runs_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("OVW_HOME", str(tmp_path_factory.mktemp("home")))
    book = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    printed = "".join(str(output) for cell in book.cells if cell.cell_type == "code" for output in cell.outputs)
    assert "Hello and welcome" in printed
    assert "equal" in printed
