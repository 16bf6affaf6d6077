"""Requests of a conversion that are refused before the work begins."""

from pathlib import Path

import pytest

from ovw.convert import convert
from ovw.convert.compression.recipe import GraphRecipe
from ovw.convert.config import ConvertConfig
from ovw.convert.plan import Converted, plan_jobs
from ovw.errors import OvwError, UsageError
from ovw.home import home as ovw_home


def test_several_artifacts_are_not_put_into_one(tiny: Converted) -> None:
    with pytest.raises(UsageError, match="is an artifact, and several are to be made"):
        plan_jobs(ConvertConfig(size="base", precision=("fp16", "int8"), output=tiny.folder))


def test_the_function_makes_one_artifact(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one artifact at a time"):
        convert("tiny", weights="random", layout=["genai", "stateless"], output=tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_the_functions_weights_are_of_its_size(tiny_pt: Path, tmp_path: Path) -> None:
    with pytest.raises(OvwError, match="base"):
        convert("base", weights=str(tiny_pt), output=tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weights": "int4", "group_size": 100}, "group_size"),
        ({"weights": "int4", "group_size": 0}, "group_size"),
        ({"keep": ("*mlp",)}, r"'\*mlp' is no regular expression"),
    ],
)
def test_recipes_that_cannot_be(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GraphRecipe(**values)


def test_a_user_that_is_not_known_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "~nobody-of-that-name/x"
    assert ConvertConfig(size="tiny", output=Path(name)).output == Path(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OVW_HOME", "~/kept")
    assert ovw_home() == tmp_path / "kept"
