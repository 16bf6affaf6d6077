"""The result of `Whisper.transcribe`: iterated once or often, as text, as files."""

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from types import SimpleNamespace

import pytest
import srt

from ovw.api.transcription import Transcription
from ovw.errors import OvwError, UsageError
from ovw.outputs import refusals
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.result import Detection, Segment

TEXTS = (" Hello & welcome.", " A river.", " Good bye.")


def transcription(texts: tuple[str, ...] = TEXTS, media: str = "talk.mp4") -> tuple[Transcription, list[int]]:
    """A transcription, and the numbers of the segments that were decoded so far."""
    decoded: list[int] = []

    def segments() -> Iterator[Segment]:
        for i, text in enumerate(texts):
            decoded.append(i)
            yield Segment(i, 2.0 * i, 2.0 * i + 1.5, text, [i], 0.0, -0.2, 1.1, 0.0, 0)

    recording = SimpleNamespace(duration=6.0)
    detection = Detection("en", 0.9, {"en": 0.9})
    return Transcription("en", detection, TranscribeOptions(), media, {"name": "base"}, recording, segments()), decoded


def test_segments_are_decoded_as_they_are_taken_and_once() -> None:
    result, decoded = transcription()
    first, second = iter(result), iter(result)
    assert next(first).id == 0
    assert decoded == [0]
    assert [segment.id for segment in second] == [0, 1, 2]
    assert [segment.id for segment in first] == [1, 2]
    assert result.segments == list(result)
    assert result.text == "Hello & welcome. A river. Good bye."
    assert decoded == [0, 1, 2]


@pytest.mark.parametrize(
    ("error", "message"),
    [(OvwError("the media breaks off"), "the media breaks off"), (KeyError("x"), "decoding stopped.*KeyError")],
)
def test_what_failed_does_not_end_well_the_second_time(error: Exception, message: str) -> None:
    def segments() -> Iterator[Segment]:
        yield Segment(0, 0.0, 1.5, " Hello.", [1], 0.0, -0.2, 1.1, 0.0, 0)
        raise error

    result = transcription()[0].with_segments(segments())
    with pytest.raises(type(error)):
        list(result)
    for _ in range(2):
        with pytest.raises(OvwError, match=message):
            _ = result.text
    assert next(iter(result)).text == " Hello."


def test_threads_iterate_one_together() -> None:
    texts = tuple(str(i) for i in range(50))

    def slow(found: Iterator[Segment]) -> Iterator[Segment]:
        for segment in found:
            sleep(0.0005)  # lets the other threads in
            yield segment

    result = transcription(texts)[0]
    result = result.with_segments(slow(iter(result)))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [segment.text for segment in result], range(8)))
    assert found == [list(texts)] * 8


def test_files(home: Path, tmp_path: Path) -> None:
    result, _ = transcription()
    target = result.save(tmp_path / "talk.srt", max_line_width=10)
    cues = list(srt.parse(target.read_text(encoding="utf-8")))
    assert [cue.content for cue in cues] == ["Hello\n& welcome.", "A river.", "Good bye."]
    assert not refusals([target], overwrite=False)  # ovw's own: the command line may replace it
    assert result.save(str(tmp_path / "talk.txt")).read_text(encoding="utf-8").split("\n")[0] == "Hello & welcome."
    assert result.render("vtt").startswith("WEBVTT")
    document = result.document()
    assert (document.media, document.duration, document.language_probability) == ("talk.mp4", 6.0, 0.9)
    assert result.document("a title").media == "a title"


def test_wrong_formats_and_options(tmp_path: Path) -> None:
    result, decoded = transcription()
    with pytest.raises(UsageError, match="no subtitle format 'pdf'"):
        result.save(tmp_path / "talk.pdf")
    with pytest.raises(UsageError, match="no subtitle format ''"):
        result.save(tmp_path / "talk")
    with pytest.raises(UsageError, match="unknown key 'max_lin'"):
        result.save(tmp_path / "talk.srt", max_lin=2)
    assert not decoded
    with pytest.raises(OvwError, match=r"folder\.srt"):
        result.save(tmp_path / "no" / "folder.srt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("copied", [lambda it: pickle.loads(pickle.dumps(it)), copy.deepcopy])
def test_a_copy_is_finished(copied: Callable[[Transcription], Transcription]) -> None:
    result, decoded = transcription()
    next(iter(result))
    found = copied(result)
    assert decoded == [0, 1, 2]
    assert found.segments == result.segments
    assert (found.text, found.duration, found.is_read) == (result.text, 6.0, True)
    assert found.render("json") == result.render("json")
    assert copied(found).to_srt() == result.to_srt()


def test_results_are_values() -> None:
    (result, decoded), (other, _) = transcription(), transcription()
    assert hash(result) == hash(other)
    assert not decoded
    assert result == other == pickle.loads(pickle.dumps(result)) == copy.deepcopy(result) == copy.copy(result)
    assert result != transcription(TEXTS[:2])[0]
    assert result != transcription(media="other.mp4")[0]
    assert result != result.segments
    assert len({*result.segments, *other.segments, result.detection, other.detection}) == len(TEXTS) + 1


def test_as_a_dictionary() -> None:
    result, _ = transcription()
    assert result.to_dict() == json.loads(result.render("json"))
    assert [segment["text"] for segment in result.to_dict()["segments"]] == list(TEXTS)


def test_what_failed_is_not_copied() -> None:
    def segments() -> Iterator[Segment]:
        yield Segment(0, 0.0, 1.5, " Hello.", [1], 0.0, -0.2, 1.1, 0.0, 0)
        raise OvwError("the media breaks off")

    with pytest.raises(OvwError, match="the media breaks off"):
        pickle.dumps(transcription()[0].with_segments(segments()))


def test_endings_in_capitals(home: Path, tmp_path: Path) -> None:
    result, _ = transcription()
    assert result.save(tmp_path / "x.SRT").read_text(encoding="utf-8") == result.to_srt()


def test_words_without_times_are_not_highlighted(tmp_path: Path) -> None:
    """Nothing is decoded first, and the option is named as Python has it."""
    result, decoded = transcription()
    with pytest.raises(UsageError, match="words can be highlighted only where") as caught:
        result.save(tmp_path / "x.srt", highlight_words=True)
    assert caught.value.hint == "transcribe with word_timestamps=True"
    assert decoded == []


def test_in_a_notebook() -> None:
    shown = transcription()[0]._repr_html_()
    assert "Hello &amp; welcome." in shown
    assert shown.count("<tr>") == 4


def test_no_speech_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    assert transcription(())[0].document().text == ""
    assert "talk.mp4: no speech was found" in caplog.text
