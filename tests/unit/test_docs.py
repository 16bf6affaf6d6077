"""Prose: short lines, links that lead somewhere, a README that stays short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#]*)(#[^)]*)?\)")
METAPHORS = re.compile(r"\b(hear|hears|heard|told|tells|said|says)\b", re.IGNORECASE)


def prose(page: Path) -> str:
    """A page without its code."""
    return re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert not [number for number, line in enumerate(lines, 1) if len(line) > 120]
    assert not METAPHORS.findall(prose(page))
    for target, anchor in LINK.findall(prose(page)):
        if not target.startswith("http"):
            path = (page.parent / target).resolve() if target else page
            assert path.exists(), target
            assert not anchor or anchor[1:] in anchors(path), anchor


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_every_page_is_in_the_index() -> None:
    for folder in (ROOT / "docs", ROOT / "docs" / "lab"):
        index = (folder / "README.md").read_text(encoding="utf-8")
        assert not [page.name for page in folder.glob("*.md") if page.name != "README.md" and page.name not in index]


def test_modules_of_the_architecture_page_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in re.findall(r"\b(?:ovw|convert|evaluate|benchmark)/[\w/]*(?:\.py)?", text):
        assert (ROOT / path).exists(), path


def test_names_of_the_architecture_page_exist() -> None:
    """Modules that stand beside the path of another one, and constants."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    sources = [path for folder in ("ovw", "convert", "evaluate", "benchmark") for path in (ROOT / folder).rglob("*.py")]
    modules = {path.name for path in sources}
    assert not set(re.findall(r"`(\w+\.py)`", text)) - modules
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert not [name for name in re.findall(r"`([A-Z_]{4,})`", text) if f"\n{name}" not in code]
