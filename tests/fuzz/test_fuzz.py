"""A few damaged files for every reader that needs no checkpoint, on every run; `make fuzz` has the rest."""

import random
from pathlib import Path

import pytest

from fuzz.mutate import BINARY, TEXT, mutate
from fuzz.seeds import make_tables_and_media
from fuzz.targets import TARGETS, once

LIGHT = ("media", "yaml", "table", "journal", "record", "archive")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_tables_and_media(folder)
    return folder


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # archives are left to the collector
@pytest.mark.parametrize("name", LIGHT)
def test_damage_is_explained(name: str, corpus: Path, tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / str(number)).mkdir()
        once(name, corpus, tmp_path / str(number), random.Random(f"{name} {number}"))


def test_mutations_differ_and_repeat() -> None:
    for mutators in (BINARY, TEXT):
        for number in range(50):
            damaged = mutate(b"some text, 12 lines\n" * 9, random.Random(number), mutators)
            assert damaged != b"some text, 12 lines\n" * 9
            assert damaged == mutate(b"some text, 12 lines\n" * 9, random.Random(number), mutators)


def test_every_target_is_of_the_corpus() -> None:
    assert set(LIGHT) < set(TARGETS)
