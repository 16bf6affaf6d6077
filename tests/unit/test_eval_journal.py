"""Hypotheses on disk: kept across interruptions, apart from other runs, and never lost to a bad line."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.hypotheses import REQUEST, Echo, hypothesis_of, utterances
from support.speech_files import manifest, wav

from ovw.datasets.utterance import Utterance
from ovw.engines.base import Engine, EngineResult
from ovw.engines.registry import EngineSpec
from ovw.errors import OvwError
from ovw.evaluate.journal import HypothesisJournal
from ovw.evaluate.score import score
from ovw.evaluate.transcription import Done, Outcome, TranscribeClips, run
from ovw.scale.task import InProcessPool
from ovw.scoring.hypothesis import parse, read_hypotheses
from ovw.transcribe.options import TranscribeOptions


def test_a_line_and_back() -> None:
    line = hypothesis_of("a", "Ä", "b", speaker="7").to_json()
    assert list(json.loads(line))[:6] == ["id", "audio", "duration_s", "language", "reference", "hypothesis"]
    assert parse(line) == hypothesis_of("a", "Ä", "b", speaker="7")
    assert parse('{"id": "a", "reference": "x", "hypothesis": "y", "other": 1}').audio == ""
    for wrong in ("[]", '{"id": "a"}', "{"):
        with pytest.raises(ValueError, match=r"."):
            parse(wrong)


def test_read_hypotheses_names_the_line(tmp_path: Path) -> None:
    path = manifest(tmp_path / "h.jsonl", [json.loads(hypothesis_of("a", "x", "y").to_json()), {"id": 3}])
    with pytest.raises(OvwError, match=r"h\.jsonl:2 is no hypothesis"):
        read_hypotheses(path)
    with pytest.raises(OvwError, match="No such file"):
        read_hypotheses(tmp_path / "none.jsonl")


def test_journal_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        for key in "ab":
            journal.add(hypothesis_of(key, "x", "é"))
        journal.add(hypothesis_of("a", "x", "another"))
    with journal.path.open("ab") as stream:
        stream.write(hypothesis_of("c", "x", "é").to_json().encode()[:-9])
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        assert list(journal.done) == ["a", "b"]
        journal.add(hypothesis_of("c", "x", "y"))
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        assert list(journal.done) == ["a", "b", "c"]
        assert [h.id for h in journal.finish(["c", "a", "d", "b"])] == ["c", "a", "b"]
    assert [h.id for h in read_hypotheses(journal.path)] == ["c", "a", "b"]
    assert read_hypotheses(journal.path)[1].hypothesis == "é"


def test_every_result_is_flushed_to_disk_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        monkeypatch.setattr("os.fsync", lambda file: flushed.append((os.fstat(file).st_ino, lines_of(journal.path))))
        for key in "ab":
            journal.add(hypothesis_of(key, "x", "y"))
    number = journal.path.stat().st_ino
    assert flushed == [(number, 1), (number, 2)]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_is_one_line_and_frees_the_folder(tmp_path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        journal.add(hypothesis_of("a", "x", "y"))
    held = HypothesisJournal(tmp_path, REQUEST)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        with pytest.raises(OvwError, match=r"cannot write .*hypotheses\.jsonl: File too large"), held as journal:
            journal.add(hypothesis_of("b", "x", "y"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        assert list(journal.done) == ["a"]


def test_journal_keeps_runs_apart(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with HypothesisJournal(folder, REQUEST) as journal:
        journal.add(hypothesis_of("a", "x", "y"))
        with pytest.raises(OvwError, match="another run is writing"):
            HypothesisJournal(folder, REQUEST)
    with pytest.raises(OvwError, match=r"another run: beam_size 1 there, 5 now.*--force"):
        HypothesisJournal(folder, REQUEST | {"beam_size": 5})
    with HypothesisJournal(folder, REQUEST | {"beam_size": 5}, force=True) as journal:
        assert journal.done == {}
        journal.add(hypothesis_of("a", "x", "y"))
    with HypothesisJournal(folder, REQUEST | {"beam_size": 5}, force=True) as journal:
        assert journal.done == {}  # of the same request too
    with HypothesisJournal(tmp_path / "nothing", REQUEST):
        pass
    with HypothesisJournal(tmp_path / "nothing", REQUEST | {"beam_size": 5}) as journal:
        assert not journal.done
    (tmp_path / "file").write_text("")
    with pytest.raises(OvwError, match="cannot write to"):
        HypothesisJournal(tmp_path / "file", REQUEST)


@pytest.mark.parametrize("larger", [6, None])
def test_a_run_with_a_larger_limit_goes_on(tmp_path: Path, larger: int | None) -> None:
    folder = tmp_path / "run"
    with HypothesisJournal(folder, REQUEST | {"limit": 3}) as journal:
        journal.add(hypothesis_of("a", "x", "y"))
    for name in ("record.json", "report.md", "report.html"):
        (folder / name).write_text("{}")
    with HypothesisJournal(folder, REQUEST | {"limit": larger}) as journal:
        assert set(journal.done) == {"a"}
    assert not (folder / "record.json").exists()  # it was of the three
    with pytest.raises(OvwError, match=f"limit {larger} there, 3 now"):
        HypothesisJournal(folder, REQUEST | {"limit": 3})
    with pytest.raises(OvwError, match="beam_size 1 there, 5 now"):
        HypothesisJournal(folder, REQUEST | {"limit": 9, "beam_size": 5})


def test_results_hold_for_the_clips_as_they_are_now(tmp_path: Path) -> None:
    """Another sound or language under a known id is transcribed anew; another text is only scored anew."""
    clips = [replace(one, audio=f"sound {i}".encode()) for i, one in enumerate(utterances(4))]
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        run(clips, Echo(), InProcessPool(), journal)
    clips[1] = replace(clips[1], audio=b"another sound")
    clips[2] = replace(clips[2], reference="corrected", speaker="7")
    clips[3] = replace(clips[3], language="de")
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        again = Echo()
        run(clips, again, InProcessPool(), journal)
        again.seen.sort()
        assert again.seen == ["u1", "u3"]
    found = read_hypotheses(tmp_path / "hypotheses.jsonl")
    assert [h.id for h in found] == ["u0", "u1", "u2", "u3"]
    assert (found[2].reference, found[2].speaker, found[2].hypothesis) == ("corrected", "7", "word number 2")
    assert found[3].language == "de"


def test_another_part_of_the_file_is_done_anew(tmp_path: Path) -> None:
    (clip,) = utterances(1)
    seen = []
    for end in (2.0, 2.0, 3.0):
        echo = Echo()
        with HypothesisJournal(tmp_path, REQUEST) as journal:
            run([replace(clip, start_s=1.0, end_s=end)], echo, InProcessPool(), journal)
        seen.append(echo.seen)
    assert seen == [["u0"], [], ["u0"]]


def test_translations_are_english(tmp_path: Path) -> None:
    """They are scored by its rules; a clip whose own language has changed is translated anew."""

    class Translator(Engine):
        calls: list[str | None] = []  # noqa: RUF012, of this test alone

        def transcribe(self, samples: np.ndarray, options: TranscribeOptions) -> EngineResult:
            self.calls.append(options.language)
            return EngineResult("Mr. Smith doesn't know", language=options.language)

    class Translate(TranscribeClips):
        def load(self) -> Callable[[list[Utterance]], list[Outcome]]:
            return lambda clips: [Done(one, {}) for one in self.transcribe(Translator(), clips)]

    task = Translate(EngineSpec("openvino", tmp_path), TranscribeOptions(task="translate"))
    clips = [Utterance(key, wav(), f"{key}.wav", "mister smith does not know", "zh") for key in "ab"]
    for expected in (["zh", "zh"], [], ["de"]):
        Translator.calls.clear()
        with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
            found, _ = run(clips, task, InProcessPool(), journal, translate=True)
        assert Translator.calls == expected
        clips[1] = replace(clips[1], language="de" if not expected else clips[1].language)
    assert [(h.language, h.translated_from) for h in found] == [("en", "zh"), ("en", "de")]
    scored = score(found)
    assert (scored.units, scored.counts.errors.tolist()) == (["wer"], [0, 0])


def test_the_later_of_two_lines_of_a_clip_holds(tmp_path: Path) -> None:
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        journal.add(hypothesis_of("a", "x", "before"))
        journal.drop("a")
        journal.add(hypothesis_of("a", "x", "after"))
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        assert journal.done["a"].hypothesis == "after"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["hypotheses.jsonl", "record.json", "report.md", "request.json", "engine.json"])
def test_files_of_others_stay(tmp_path: Path, name: str, force: bool) -> None:
    (tmp_path / name).write_text('{"mine": 1}\n')
    with pytest.raises(OvwError, match=f"{name} of something else"):
        HypothesisJournal(tmp_path, REQUEST, force=force)
    assert (tmp_path / name).read_text() == '{"mine": 1}\n'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"\xff", "can't decode"), (b"", "Expecting value"), (b"[" * 5000, "nested more than"),
        (b'{"id": "\\ud800", "reference": "", "hypothesis": ""}', "surrogate"),
        (b'{"id": "a", "reference": "", "hypothesis": "", "duration_s": "x"}', "duration_s is 'x', expected float"),
    ],
)  # fmt: skip
def test_one_bad_line_loses_nothing(tmp_path: Path, line: bytes, message: str) -> None:
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        for key in "abcdef":
            journal.add(hypothesis_of(key, "x", "y"))
    lines = journal.path.read_bytes().splitlines()
    lines[2] = line
    damaged = b"\n".join(lines) + b"\n" + b'{"id": "torn'
    journal.path.write_bytes(damaged)
    with pytest.raises(OvwError, match=rf"hypotheses\.jsonl:3 is damaged: .*{message}"):
        HypothesisJournal(tmp_path, REQUEST)
    assert journal.path.read_bytes() == (tmp_path / "hypotheses.damaged.jsonl").read_bytes() == damaged
    journal.path.write_bytes(b"\n".join(lines[:2] + lines[3:]) + b"\n")
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        assert list(journal.done) == ["a", "b", "d", "e", "f"]


SCRIPT = """
    import time
    from pathlib import Path
    from support.hypotheses import REQUEST, Echo, utterances
    from ovw.evaluate.journal import HypothesisJournal
    from ovw.evaluate.transcription import run
    from ovw.scale.task import InProcessPool

    class Slow(Echo):
        def work(self, utterance):
            time.sleep(0.02)
            return super().work(utterance)

    with HypothesisJournal(Path({folder!r}), REQUEST) as journal:
        run(utterances(40), Slow(), InProcessPool(), journal)
"""


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_five_times_and_taken_up(tmp_path: Path) -> None:
    code = textwrap.dedent(SCRIPT.format(folder=str(tmp_path / "run")))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    path = tmp_path / "run" / "hypotheses.jsonl"
    for _ in range(5):
        before = lines_of(path)
        process = subprocess.Popen([sys.executable, "-c", code], env=environment)
        while lines_of(path) < before + 3 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 15 <= lines_of(path) < 40
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    with HypothesisJournal(tmp_path / "whole", REQUEST) as journal:
        whole, _ = run(utterances(40), Echo(), InProcessPool(), journal)
    assert read_hypotheses(path) == whole
