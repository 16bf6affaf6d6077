"""The notebook is small, short and as it was written."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest
from support.serve import serve
from support.tiny_whisper import DEMO_VIDEO, ROOT

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


@pytest.fixture
def picking() -> dict[str, Any]:
    """The names that the cell with the choices makes."""
    import ipywidgets

    (code,) = (source(cell) for cell in cells("code") if "def picked" in source(cell))
    names: dict[str, Any] = {"widgets": ipywidgets}
    exec(code, names)
    return names


def test_the_bundled_video_is_there(picking: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(NOTEBOOK.parent)
    assert picking["picked"]().samefile(DEMO_VIDEO)
    assert picking["task"].value == "transcribe"


def test_a_file_is_sent(picking: dict[str, Any]) -> None:
    sent = {"name": "../talk.mp4", "type": "video/mp4", "size": 5, "content": memoryview(b"sound"), "last_modified": 0}
    picking["upload"].set_state({"value": [sent]})  # as the browser does
    file = picking["picked"]()
    assert (file.name, file.read_bytes()) == ("talk.mp4", b"sound")


def test_a_file_is_fetched(picking: dict[str, Any]) -> None:
    with serve(DEMO_VIDEO.parent) as address:
        picking["address"].value = f"{address}/{DEMO_VIDEO.name}"
        assert picking["picked"]().read_bytes() == DEMO_VIDEO.read_bytes()
    picking["address"].value = str(DEMO_VIDEO)
    assert picking["picked"]() == DEMO_VIDEO


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
