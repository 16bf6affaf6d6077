"""Tables with audio: folders that `datasets` has saved, and Parquet files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.read_datasets import items
from support.speech_files import manifest, wav

from ovw.config import build
from ovw.datasets.audio import read_clip
from ovw.datasets.resolve import DatasetOptions, open_dataset, utterances
from ovw.datasets.tables import ParquetTable
from ovw.datasets.utterance import Item, Problem, Utterance
from ovw.errors import OvwError, UsageError

datasets = pytest.importorskip("datasets")
pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write_parquet(path: Path, audio: list[object], kind: object = MEDIA, **columns: list[object]) -> Path:
    """A Parquet file with two rows a group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {"audio": pa.array(audio, type=kind), "text": [f"text {i}" for i in range(len(audio))], **columns}
    parquet.write_table(pa.table(table), path, row_group_size=2)
    return path


def save(path: Path, audio: list[object], kind: object = MEDIA, **columns: list[object]) -> Path:
    """A folder by `save_to_disk`."""
    table = {"audio": pa.array(audio, type=kind), "text": [f"text {i}" for i in range(len(audio))], **columns}
    datasets.Dataset(pa.table(table)).save_to_disk(path)
    return path


def media(number: int, path: str | None = None) -> dict[str, object]:
    return {"bytes": wav(0.1 * (number + 1), number), "path": path}


def lengths(found: list[Item]) -> list[int]:
    return [len(read_clip(one).samples) for one in found if isinstance(one, Utterance)]


def test_parquet_is_read_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    names = [f"{i}.wav" for i in range(7)]
    rows = [media(i, name) for i, name in enumerate(names)]
    write_parquet(tmp_path / "set" / "test-00000-of-00002.parquet", rows[:5])
    write_parquet(tmp_path / "set" / "test-00001-of-00002.parquet", rows[5:])
    found = items(tmp_path / "set")
    assert [(u.id, len(read_clip(u).samples)) for u in found] == [(str(i), 1600 * (i + 1)) for i in range(7)]
    assert lengths(found[::-1]) == [1600 * (i + 1) for i in reversed(range(7))]
    assert lengths(items(tmp_path / "set", limit=1)) == [1600]
    assert not (tmp_path / "cache").exists()


def test_rows_of_parquet_in_any_order(tmp_path: Path) -> None:
    files = [
        write_parquet(tmp_path / f"{i}.parquet", [str(10 * i + j) for j in range(11)], pa.string()) for i in range(2)
    ]
    table = ParquetTable(files)
    every = [*(str(i) for i in range(11)), *(str(10 + i) for i in range(11))]
    for order in (range(22), reversed(range(22)), np.random.default_rng(0).integers(0, 22, 200)):
        assert all(table.cell("audio", int(n)) == every[n] for n in order)
    assert [row.path for row in table.listed("audio")] == every


@pytest.mark.parametrize("write", [save, lambda path, *args: write_parquet(path / "test.parquet", *args)])
def test_every_form_of_audio(tmp_path: Path, write) -> None:
    (tmp_path / "b.wav").write_bytes(wav(0.2))
    sound = {"array": [0.0, 0.5] * 800, "sampling_rate": 8000}
    forms = {
        "struct": ([media(0, "a.wav"), {"bytes": None, "path": str(tmp_path / "b.wav")}], MEDIA, [1600, 3200]),
        "bytes": ([wav(0.1), wav(0.2)], pa.binary(), [1600, 3200]),
        "path": ([str(tmp_path / "b.wav")], pa.string(), [3200]),
        "samples": ([sound], None, [3200]),
        "channels": ([sound | {"array": [[0.0, 0.5] * 800, [0.5, 0.0] * 800]}], None, [3200]),
    }
    for name, (audio, kind, expected) in forms.items():
        write(tmp_path / name, audio, kind)
        assert lengths(items(tmp_path / name)) == expected


@pytest.mark.parametrize("write", [save, lambda path, *args: write_parquet(path / "test.parquet", *args)])
def test_integer_samples_have_the_full_scale_of_their_type(tmp_path: Path, write) -> None:
    parts = np.array([0.0, 0.5, -1.0, 0.25])
    for bits in (16, 32):
        pcm = (parts * 2 ** (bits - 1)).astype(int).tolist()
        for name, array, depth in (("one", pcm * 400, 1), ("two", [pcm * 400] * 2, 2)):
            kind = getattr(pa, f"int{bits}")()
            for _ in range(depth):
                kind = pa.list_(kind)
            row = pa.struct([("array", kind), ("sampling_rate", pa.int64())])
            write(tmp_path / f"{name}{bits}", [{"array": array, "sampling_rate": 16000}], row)
            (clip,) = items(tmp_path / f"{name}{bits}")
            assert np.array_equal(read_clip(clip).samples[:4], parts.astype(np.float32))
    write(tmp_path / "any", [{"array": [0, 1], "sampling_rate": 16000}], None)
    with pytest.raises(UsageError, match=r"the samples of the column audio are int64, whose full scale .*int16, int32"):
        items(tmp_path / "any")


def test_columns_of_text(tmp_path: Path) -> None:
    """Rows go by their paths in every type of it, and media files may be in views."""
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(wav(0.2))
    paths = [str(tmp_path / name) for name in ("a.wav", "b.wav")]
    kinds = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    for number, kind in enumerate(kinds):
        folders = [write_parquet(tmp_path / f"p{number}" / "test.parquet", paths, kind).parent]
        folders += [] if kind == pa.string_view() else [save(tmp_path / f"s{number}", paths, kind)]
        for folder in folders:
            assert [one.id for one in items(folder)] == ["a", "b"]
            assert lengths(items(folder)) == [3200, 3200]
    write_parquet(tmp_path / "views" / "test.parquet", [wav(0.1)], pa.binary_view())
    assert lengths(items(tmp_path / "views")) == [1600]


def test_pyarrow_without_functions_for_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyArrow 15 has the types alone."""
    for name in ("is_binary_view", "is_string_view"):
        monkeypatch.delattr(pa.types, name, raising=False)
    for number, kind in enumerate((pa.binary(), pa.large_binary(), MEDIA)):
        audio = media(0) if kind == MEDIA else wav(0.1)
        write_parquet(tmp_path / str(number) / "test.parquet", [audio], kind)
        assert lengths(items(tmp_path / str(number))) == [1600]


@pytest.mark.parametrize("write", [save, lambda path, *args: write_parquet(path / "test.parquet", *args)])
def test_paths_are_relative_to_the_folder(tmp_path: Path, write, monkeypatch: pytest.MonkeyPatch) -> None:
    forms = [(["clips/a.wav"], pa.string()), ([{"bytes": None, "path": "clips/a.wav"}], MEDIA)]
    for number, (audio, kind) in enumerate(forms):
        folder = tmp_path / str(number)
        write(folder, audio, kind)
        (folder / "clips").mkdir()
        (folder / "clips" / "a.wav").write_bytes(wav(0.2))
        for place, dataset in ((tmp_path, folder), (folder, "."), (folder / "clips", "..")):
            monkeypatch.chdir(place)
            assert [(one.id, *lengths([one])) for one in items(dataset)] == [("clips/a", 3200)]


@pytest.mark.parametrize("write", [save, lambda path, *args: write_parquet(path / "test.parquet", *args)])
def test_rows_without_audio_are_problems(tmp_path: Path, write) -> None:
    write(tmp_path / "set", [None, media(0), {"bytes": None, "path": None}, {"bytes": None, "path": "none.wav"}], MEDIA)
    first, good, *rest = items(tmp_path / "set")
    assert isinstance(first, Problem)
    assert (first.location, first.reason) == (f"{tmp_path / 'set'}:0", "no audio in this row")
    assert len(read_clip(good).samples) == 1600
    for one, expected in zip(rest, ("no audio in this row", "No such file"), strict=True):
        with pytest.raises(OvwError, match=expected):
            read_clip(one)
    write(tmp_path / "odd", [{"array": [0.0, 1.0], "sampling_rate": -1}], None)
    with pytest.raises(OvwError, match="are no sound"):
        read_clip(items(tmp_path / "odd")[0])


@pytest.mark.parametrize("write", [save, lambda path, *args: write_parquet(path / "test.parquet", *args)])
def test_a_column_that_holds_no_audio_is_refused(tmp_path: Path, write) -> None:
    write(tmp_path / "set", [[0.0, 0.5]], None)
    with pytest.raises(UsageError, match=r"the column audio is list<.*: double>, no audio"):
        items(tmp_path / "set")


def test_rows_without_ids_are_all_there(tmp_path: Path) -> None:
    names = ["s0/a.wav", "s1/a.wav", "/x/s0/b.wav", "/x/s1/b.wav", "c.wav", "c.wav", None, None]
    ids = ["s0/a", "s1/a", "b", "/x/s1/b", "c", "c-5", "row-0000006", "row-0000007"]
    rows = [media(i, name) for i, name in enumerate(names)]
    for folder in (save(tmp_path / "saved", rows), write_parquet(tmp_path / "p" / "test.parquet", rows).parent):
        assert [one.id for one in items(folder)] == ids
        assert lengths(items(folder)) == [1600 * (i + 1) for i in range(len(names))]
    fleurs = build(DatasetOptions, {"dataset": "fleurs", "data": str(tmp_path / "saved")})
    assert [one.id for one in utterances(fleurs)][:2] == ["a", "s1/a"]


def test_a_split_is_that_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, unknown, both = (tmp_path / name for name in ("stored", "unknown", "both"))
    rows = {"audio": [media(0)], "text": ["x"]}
    datasets.Dataset.from_dict(rows, split=datasets.NamedSplit("validation.other")).save_to_disk(stored)
    datasets.Dataset.from_dict(rows).save_to_disk(unknown)
    datasets.DatasetDict(
        {"train": datasets.Dataset.from_dict(rows), "test": datasets.Dataset.from_dict(rows)}
    ).save_to_disk(both)
    for split, folder, name in (
        (None, stored, "librispeech"), ("dev-other", stored, "librispeech dev-other"),
        ("test-other", unknown, "librispeech"), ("train", both, "librispeech train"), (None, both, "librispeech"),
    ):  # fmt: skip
        opened = open_dataset(build(DatasetOptions, {"dataset": "librispeech", "data": str(folder), "split": split}))
        assert opened.name == name
        assert len(list(opened)) == 1
    for split, folder, there in (("test-other", stored, "validation.other"), ("dev", both, "train, test")):
        with pytest.raises(UsageError, match=f"has no split {split} .--split takes {there}"):
            open_dataset(build(DatasetOptions, {"dataset": "librispeech", "data": str(folder), "split": split}))
    monkeypatch.chdir(both)
    for dataset in (str(both), "."):
        for split, name in (("train", "both train"), ("test", "both test"), (None, "both")):
            assert open_dataset(DatasetOptions(dataset=dataset, split=split)).name == name


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (("test-00000-of-00002", "test-00001-of-00002", "train-00000-of-00001"), {"test": 2, "train": 1}),
        (("test", "train"), {"test": 1, "train": 1}), (("part-0", "part-1"), {None: 2}), (("data/x",), {None: 1}),
        (("de/test/0000", "en/test/0000", "en/clean/0"), {"test": 2, "clean": 1}), (("test-0", "test-1"), {"test": 2}),
        (("my-00000-of-00001",), {"my": 1}),
    ],
)  # fmt: skip
def test_splits_of_parquet_files(tmp_path: Path, files: tuple[str, ...], splits: dict[str | None, int]) -> None:
    for name in files:
        write_parquet(tmp_path / f"{name}.parquet", [media(0, f"{name}.wav")])
    for split, count in splits.items():
        assert len(items(tmp_path, split=split)) == count
    if None not in splits:
        with pytest.raises(UsageError, match="has no split other"):
            items(tmp_path, split="other")


def test_a_split_of_what_has_none(tmp_path: Path) -> None:
    for path in (manifest(tmp_path / "m.jsonl", [{"audio": "a.wav", "text": "x"}]), tmp_path):
        with pytest.raises(UsageError, match="which has no splits"):
            items(path, split="test")


def test_damaged_parquet(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path / "set" / "test.parquet", [media(0), media(1)]).read_bytes()
    (tmp_path / "set" / "test.parquet").write_bytes(whole[:-8])
    with pytest.raises(OvwError, match="cannot be read"):
        items(tmp_path / "set")
    (tmp_path / "set" / "test.parquet").write_bytes(b"\0" * 3000 + whole[3000:])
    with pytest.raises(OvwError, match=r"set:0: |cannot be read"):
        [read_clip(one) for one in items(tmp_path / "set")]
