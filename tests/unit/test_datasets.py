"""Every source of speech gives the same utterances, and names what is wrong with it."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
from support.read_datasets import good, items, prints
from support.speech_files import TEXTS, librispeech, manifest, pack, wav

from ovw.datasets.audio import clip_sha256, read_bytes, read_clip
from ovw.datasets.columns import language_code
from ovw.datasets.fingerprint import fingerprint
from ovw.datasets.hub import PROXIES
from ovw.datasets.multilingual import fleurs_configs
from ovw.datasets.resolve import DatasetOptions, open_dataset
from ovw.datasets.utterance import Problem, Utterance
from ovw.errors import OvwError, UsageError
from ovw.models import languages


def save_dataset(root: Path, folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {
        "id": list(TEXTS),
        "text": list(TEXTS.values()),
        "speaker_id": [int(key.split("-")[0]) for key in TEXTS],
        "audio": [{"bytes": next(root.rglob(f"{key}.flac")).read_bytes(), "path": f"{key}.flac"} for key in TEXTS],
    }
    made = datasets.Dataset.from_dict(rows).cast_column("audio", datasets.Audio(decode=False))
    if folder.suffix == ".parquets":
        folder.mkdir()
        made.to_parquet(folder / "test-00000-of-00001.parquet")
    else:
        made.save_to_disk(folder)


def test_librispeech_is_the_same_from_folder_archive_and_datasets(tmp_path: Path) -> None:
    root = librispeech(tmp_path)
    pack(root, tmp_path / "test-other.tar.gz")
    (tmp_path / "other").mkdir()
    save_dataset(root, tmp_path / "other" / "saved")
    save_dataset(root, tmp_path / "other" / "x.parquets")
    places = [root, root / "test-other", tmp_path / "test-other.tar.gz"]
    all_found = [good("librispeech", data=str(place), split="test-other") for place in places]
    all_found += [good("librispeech", data=str(tmp_path / "other" / name)) for name in ("saved", "x.parquets")]
    assert {u.id: u.reference for u in all_found[0]} == TEXTS
    assert len({prints(found) for found in all_found}) == 1
    for found in all_found:
        assert [u.speaker for u in found] == ["61", "61", "61", "908", "908"]
        assert {u.language for u in found} == {"en"}


def test_draw_depends_on_ids_and_seed_alone(tmp_path: Path) -> None:
    root = librispeech(tmp_path)
    archive = pack(root, tmp_path / "test-other.tar.gz")
    draws = [
        {u.id for u in good("librispeech", data=str(place), limit=2, shuffle=True, seed=seed)}
        for seed in range(6)
        for place in (root, archive)
    ]
    assert all(len(draw) == 2 for draw in draws)
    assert draws[::2] == draws[1::2]
    assert len(set(map(frozenset, draws))) > 2
    assert [u.id for u in good("librispeech", data=str(root), limit=2)] == list(TEXTS)[:2]
    assert [u.id for u in good("librispeech", data=str(root), shuffle=True)] == list(TEXTS)


def test_librispeech_splits(tmp_path: Path) -> None:
    root = librispeech(tmp_path)
    assert len(good("librispeech", data=str(root))) == 5  # the only split there
    librispeech(tmp_path, "test-clean")
    assert "test-clean" in open_dataset(DatasetOptions(dataset="librispeech", data=str(root))).name
    with pytest.raises(UsageError, match=r"does not hold dev-clean .*test-clean, test-other"):
        items("librispeech", data=str(root), split="dev-clean")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no LibriSpeech split"):
        items("librispeech", data=str(tmp_path / "empty"))
    with pytest.raises(UsageError, match="no folder or archive"):
        items("librispeech", data=str(tmp_path / "none"))


def test_characters_that_break_lines_do_not_end_a_reference(tmp_path: Path) -> None:
    text = "ONE\u2028TWO\x85THREE\x0bFOUR\x0cFIVE\u2029SIX"
    root = librispeech(tmp_path)
    (transcript,) = root.rglob("61-70969.trans.txt")
    transcript.write_text(f"61-70969-0000 {text}\r\n", encoding="utf-8", newline="")
    for place in (root, pack(root, tmp_path / "test-other.tar.gz")):
        assert {u.id: u.reference for u in good("librispeech", data=str(place))} == TEXTS | {"61-70969-0000": text}
    for name, row in (
        ("m.jsonl", json.dumps({"audio": "a.wav", "text": text}, ensure_ascii=False)),
        ("m.csv", f"audio,text\na.wav,{text}"),
        ("m.tsv", f"audio\ttext\na.wav\t{text}"),
    ):
        (tmp_path / name).write_text(f"{row}\n", encoding="utf-8")
        assert [u.reference for u in good(tmp_path / name)] == [text]


def test_damaged_archive(tmp_path: Path) -> None:
    archive = pack(librispeech(tmp_path), tmp_path / "test-other.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-2000])
    with pytest.raises(OvwError, match="not a whole archive"):
        items("librispeech", data=str(archive))
    with pytest.raises(OvwError, match="no such file"):
        items("librispeech", data=str(tmp_path / "none.tar.gz"))


def test_clip_named_by_a_transcript_and_not_there(tmp_path: Path) -> None:
    root = librispeech(tmp_path)
    next(root.rglob("61-70968-0001.flac")).unlink()
    for place in (root, pack(root, tmp_path / "test-other.tar.gz")):
        found = good("librispeech", data=str(place))
        assert len(found) == 5
        (lost,) = [u for u in found if u.id == "61-70968-0001"]
        with pytest.raises(OvwError, match=r"61-70968-0001.flac.*no such"):
            read_clip(lost)


def test_languages_that_leave_no_clip(tmp_path: Path) -> None:
    rows = [{"audio": f"{code}.wav", "text": "x", "language": code} for code in ("de", "fr", "en")]
    path = manifest(tmp_path / "m.jsonl", rows)
    assert len(good(path, languages="fr,es")) == 1
    with pytest.raises(
        UsageError, match=r"no clip of m is in es, pt: it has de, en, fr \(--languages takes de, en, fr"
    ):
        items(path, languages="es,pt", limit=1)
    bare = manifest(tmp_path / "bare.jsonl", [{"audio": "a.wav", "text": "x"}])
    with pytest.raises(UsageError, match=r"none has a language .leave out --languages"):
        items(bare, languages="en", limit=1, shuffle=True)


def test_folders_that_are_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match=r"has no audio or video file .a folder holds talk\.mp3 with talk\.txt"):
        items(tmp_path)
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp3").write_bytes(wav())
    (tmp_path / "validated.tsv").touch()
    with pytest.raises(UsageError, match="ovw eval common_voice --data"):
        items(tmp_path)
    assert len(list(open_dataset(DatasetOptions(dataset=str(tmp_path)), texts=False))) == 1
    with pytest.raises(UsageError, match=re.escape(f"no dataset 'no/where', and nothing at {Path.cwd()}/no/where")):
        items("no/where")


def test_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.wav", "sub/b.wav", "c.wav"):
        (tmp_path / name).write_bytes(wav())
    (tmp_path / "a.txt").write_text("one\n", encoding="utf-8")
    (tmp_path / "sub" / "b.txt").write_text("two", encoding="utf-8")
    a, c, b = items(tmp_path)
    assert (a.id, getattr(a, "reference", None)) == ("a", "one")
    assert (b.id, getattr(b, "reference", None)) == ("sub/b", "two")
    assert isinstance(c, Problem)
    assert "c.txt" in c.reason


def test_a_folder_without_what_is_hidden_and_links_once(tmp_path: Path) -> None:
    for name in ("a.wav", "._a.wav", ".trash/b.wav", "day/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(wav())
        (tmp_path / name).with_suffix(".txt").write_text("one", encoding="utf-8")
    (tmp_path / "day" / "loop").symlink_to(tmp_path)
    assert [clip.id for clip in items(tmp_path)] == ["a", "day/c"]


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 there")
def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    odd = os.fsdecode(b"a\xff")
    (tmp_path / odd).mkdir()
    for name in (f"{odd}.wav", "b.wav", f"{odd}/c.wav", f"{odd}-without-text.wav"):
        (tmp_path / name).write_bytes(wav())
        if "without" not in name:
            (tmp_path / name).with_suffix(".txt").write_text("one", encoding="utf-8")
    found = items(tmp_path)
    assert [item.id for item in found if isinstance(item, Utterance)] == ["b"]
    assert [(p.id, p.reason) for p in found if isinstance(p, Problem)] == [
        (r"a\udcff/c", "its name is not UTF-8"),
        (r"a\udcff-without-text", r"a\udcff-without-text.txt: No such file or directory"),
        (r"a\udcff", "its name is not UTF-8"),
    ]
    (clip,) = items(tmp_path / odd)
    assert isinstance(clip, Utterance)
    assert (clip.id, clip.location) == ("c", str(tmp_path / r"a\udcff" / "c.wav"))
    assert len(read_clip(clip).samples) == 9600


def test_common_voice(tmp_path: Path) -> None:
    for language, sentence in (("de", "Guten Tag"), ("zh-CN", "你好")):
        (tmp_path / language / "clips").mkdir(parents=True)
        (tmp_path / language / "clips" / f"{language}.mp3").write_bytes(wav())
        table = f"client_id\tpath\tsentence\tlocale\ns1\t{language}.mp3\t{sentence}\t{language}\ns1\tgone.mp3\tx\tde\n"
        (tmp_path / language / "test.tsv").write_text(table, encoding="utf-8")
    found = items("common_voice", data=str(tmp_path))
    assert [(u.id, u.language) for u in found if isinstance(u, Utterance)] == [("de", "de"), ("zh-CN", "zh")]
    assert {p.reason for p in found if isinstance(p, Problem)} >= {"gone.mp3: no such file"}
    assert len(items("common_voice", data=str(tmp_path / "de"))) == 2
    assert len(items("common_voice", data=str(tmp_path), languages=["zh"])) == 2
    with pytest.raises(UsageError, match="no language 'fr'"):
        items("common_voice", data=str(tmp_path), languages=["fr"])
    with pytest.raises(UsageError, match=r"no train\.tsv"):
        items("common_voice", data=str(tmp_path), split="train")
    with pytest.raises(UsageError, match="not on the Hub any more"):
        items("common_voice")


def test_fleurs_packed_and_voxpopuli(tmp_path: Path) -> None:
    import tarfile

    fleurs = tmp_path / "fleurs" / "en_us"
    (fleurs / "audio").mkdir(parents=True)
    (fleurs / "test.tsv").write_text("7\tx1.wav\tRaw, text.\traw text\tr|a|w\t9600\tMALE\n", encoding="utf-8")
    (tmp_path / "x1.wav").write_bytes(wav())
    with tarfile.open(fleurs / "audio" / "test.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "x1.wav", "test/x1.wav")
    (one,) = good("fleurs", data=str(tmp_path / "fleurs"), languages=["en"])
    assert (one.id, one.reference, one.language) == ("x1", "raw text", "en")
    assert len(read_clip(one).samples) == 9600
    vox = tmp_path / "vox" / "de"
    (vox / "test").mkdir(parents=True)
    (vox / "test" / "v1.wav").write_bytes(wav())
    (vox / "asr_test.tsv").write_text(
        "id\traw_text\tnormalized_text\tspeaker_id\nv1\tHallo.\thallo\t5\n", encoding="utf-8"
    )
    (one,) = good("voxpopuli", data=str(tmp_path / "vox"))
    assert (one.id, one.reference, one.speaker, one.language) == ("v1", "hallo", "5", "de")


@pytest.mark.parametrize("split", ["dev", "test", "train"])
def test_a_clip_comes_from_the_archive_of_its_split(split: str, tmp_path: Path) -> None:
    import tarfile

    folder = tmp_path / "en_us"
    (folder / "audio").mkdir(parents=True)
    for number, name in enumerate(("dev", "test", "train"), 1):
        (folder / f"{name}.tsv").write_text("7\tx1.wav\tRaw.\traw\tr\t9600\tMALE\n", encoding="utf-8")
        (tmp_path / "x1.wav").write_bytes(wav(number / 10))
        with tarfile.open(folder / "audio" / f"{name}.tar.gz", "w:gz") as tar:
            tar.add(tmp_path / "x1.wav", f"{name}/x1.wav")
    (one,) = good("fleurs", data=str(tmp_path), languages=["en"], split=split)
    assert len(read_clip(one).samples) == {"dev": 1600, "test": 3200, "train": 4800}[split]


@pytest.mark.parametrize(
    ("folder", "language"),
    [("my_data", None), ("de_test", None), ("de", "de"), ("zh-CN", "zh"), ("cmn_hans_cn", "zh"), ("es_419", "es"),
     ("en_accented", "en"), ("eng", "en"), ("recordings", None)],
)  # fmt: skip
def test_a_folder_names_a_language_as_a_whole_only(tmp_path: Path, folder: str, language: str | None) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "test.tsv").write_text("7\tx1.wav\tRaw.\traw\tr\t9600\tMALE\n", encoding="utf-8")
    (tmp_path / folder / "x1.wav").write_bytes(wav())
    (one,) = good("fleurs", data=str(tmp_path / folder))
    assert one.language == language


def test_a_stray_quote_is_named_by_its_line(tmp_path: Path) -> None:
    for text, line in (('a.wav,x\nb.wav,"two" words\nc.wav,y\n', 3), ('a.wav,x\nb.wav,"two\nc.wav,y\n', 3)):
        (tmp_path / "m.csv").write_text(f"audio,text\n{text}", encoding="utf-8")
        with pytest.raises(OvwError, match=rf"m\.csv:{line} cannot be read"):
            items(tmp_path / "m.csv")


@pytest.mark.parametrize("offline_of_hub", ["", "0"])
def test_no_network_is_said_at_once(monkeypatch: pytest.MonkeyPatch, offline_of_hub: str) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", offline_of_hub)
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OvwError, match=r"librispeech_asr cannot be fetched.*--data"):
        items("librispeech")
    with pytest.raises(UsageError, match="choose with --languages"):
        items("fleurs")
    with pytest.raises(OvwError, match="google/fleurs cannot be fetched"):
        items("fleurs", languages=["de"])
    with pytest.raises(UsageError, match="did you mean 'test-clean'"):
        items("librispeech", split="test-clear")


def test_unreadable_clip(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(OvwError, match=r"a\.wav"):
        read_clip(Utterance("a", tmp_path / "a.wav", "a.wav", "x"))
    with pytest.raises(OvwError, match=r"^in the archive"):
        read_clip(Utterance("a", b"no sound", "in the archive", "x"))


@pytest.mark.parametrize("times", [{}, {"start": 1, "end": 2}])
@pytest.mark.parametrize("name", ["a\0.wav", "a" * 300 + ".wav", "none.wav"])
def test_names_that_no_file_has(tmp_path: Path, name: str, times: dict[str, object]) -> None:
    (clip,) = good(manifest(tmp_path / "m.jsonl", [{"audio": name, "text": "x", "id": "a", **times}]))
    for read in (read_clip, clip_sha256):
        with pytest.raises(OvwError):
            read(clip)


@pytest.mark.skipif(sys.platform == "win32", reason="has neither")
@pytest.mark.parametrize("times", [{}, {"start": 1, "end": 2}])
def test_pipes_and_devices_are_no_clips(tmp_path: Path, times: dict[str, object]) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "zero.wav").symlink_to("/dev/zero")
    rows = [{"audio": name, "text": "x", **times} for name in ("pipe.wav", "zero.wav", "/dev/zero")]
    for clip in good(manifest(tmp_path / "m.jsonl", rows)):
        for read in (read_clip, clip_sha256, read_bytes):
            with pytest.raises(OvwError, match="not a regular file"):
                read(clip)


def test_fingerprint_depends_on_every_part() -> None:
    entries = [("a", "x", "1"), ("b", "y", "2")]
    assert fingerprint(entries) == fingerprint(reversed(entries))
    others = [[("a", "x", "1")], [("a", "x", "1"), ("b", "y", "3")], [("a", "x", "1"), ("by", "", "2")]]
    assert len({fingerprint(e) for e in [entries, *others]}) == 4


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pt_br", "pt"),
        ("zh-CN", "zh"),
        ("German", "de"),
        ("cmn_hans_cn", "zh"),
        ("ast", "ast"),
        (None, None),
        ("nb-NO", "no"),
        ("ger", "de"),
        ("und", None),
        ("Unknown", None),
        ("Northern-Sotho", "northern"),
        ("klingon", "klingon"),
    ],
)
def test_language_code(name: str | None, code: str | None) -> None:
    assert language_code(name) == code


def test_fleurs_languages_are_whisper_s() -> None:
    assert set(fleurs_configs()) <= set(languages())
    assert all(language_code(config) == code for code, config in fleurs_configs().items())
