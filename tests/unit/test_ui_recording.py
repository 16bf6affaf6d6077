"""A recording from the microphone: its file, and its text while it goes on."""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.transcripts import segment

from ovw.audio import SAMPLE_RATE
from ovw.audio.decode import load_audio
from ovw.errors import OvwError
from ovw.transcribe.result import Detection, Segment
from ovw.ui import recording as recording_module
from ovw.ui.phrases import LONGEST_S, Phrase, PhraseCutter
from ovw.ui.recording import MicrophoneRecording, transcribe_live
from ovw.ui.tabs import Tabs

PART = SAMPLE_RATE // 4


def parts_of(samples: np.ndarray, folder: Path, rate: int = SAMPLE_RATE, channels: int = 1) -> list[Path]:
    """Files as a browser sends them: each begins with the header of the first."""
    whole = (np.repeat(samples[:, None], channels, axis=1) * 32767).astype("<i2")
    header = io.BytesIO()
    with wave.open(header, "wb") as writer:
        writer.setparams((channels, 2, rate, 0, "NONE", ""))
        writer.writeframes(b"")
    found = []
    for number, start in enumerate(range(0, len(whole), PART)):
        file = folder / str(number) / "audio.wav"
        file.parent.mkdir(parents=True)
        file.write_bytes(header.getvalue() + whole[start : start + PART].tobytes())
        found.append(file)
    return found


def begun(folder: Path, most_bytes: float = 1e9) -> MicrophoneRecording:
    return MicrophoneRecording(folder / "recording.wav", most_bytes, threading.Event())


def cut(samples: np.ndarray) -> list[tuple[int, Phrase]]:
    """Utterances, each with the sample at which it was complete."""
    cutter = PhraseCutter()
    return [
        (start + PART, phrase)
        for start in range(0, len(samples), PART)
        for phrase in cutter.feed(samples[start : start + PART])
    ]


def test_speech_is_cut_at_pauses_at_once(demo_samples: np.ndarray) -> None:
    sentence = demo_samples[: int(4.5 * SAMPLE_RATE)]
    pause = np.zeros(2 * SAMPLE_RATE, np.float32)
    found = cut(np.concatenate([pause, sentence, pause, sentence, pause]))
    assert len(found) >= 2
    starts = [phrase.start for _, phrase in found]
    assert starts == sorted(starts)
    assert 1.5 < starts[0] < 2.5
    for complete, phrase in found:
        end = phrase.start + len(phrase.samples) / SAMPLE_RATE
        assert complete / SAMPLE_RATE - end < 1.5
    spoken = np.concatenate([phrase.samples for _, phrase in found])
    assert np.abs(spoken).sum() > 0.98 * 2 * np.abs(sentence).sum()


def test_silence_gives_nothing_and_is_forgotten() -> None:
    cutter = PhraseCutter()
    assert list(cutter.feed(np.zeros(60 * SAMPLE_RATE, np.float32))) == []
    assert len(cutter._held) < SAMPLE_RATE


def test_long_speech_is_cut_without_a_long_pause(demo_samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovw.ui.phrases.RULES.__class__.silence_frames", property(lambda rules: 10**6))
    found = cut(np.tile(demo_samples, 3))
    assert found
    assert all(len(phrase.samples) <= (2 * LONGEST_S + 1) * SAMPLE_RATE for _, phrase in found)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 1), (48_000, 2)])
def test_the_file_holds_what_was_sent(tmp_path: Path, rate: int, channels: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)
    recording = begun(tmp_path)
    files = parts_of(tone, tmp_path / "sent", rate, channels)
    for file in files:
        recording.add(file)
    recording.end()
    taken = np.concatenate(list(recording.parts()))
    written = load_audio(recording.file)
    assert abs(len(written) - 2 * SAMPLE_RATE) < 20
    np.testing.assert_allclose(taken, written, atol=1e-4)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(written)) / SAMPLE_RATE)
    assert np.abs(written - expected)[200:-200].max() < 0.02  # no clicks between the parts
    assert not any(file.exists() for file in files)


def test_what_comes_behind_the_end_is_dropped(tmp_path: Path) -> None:
    first, second = parts_of(np.ones(2 * PART), tmp_path / "sent")
    recording = begun(tmp_path)
    recording.add(first)
    recording.end()
    recording.add(second)
    assert not second.exists()
    recording.end()
    assert len(load_audio(recording.file)) == pytest.approx(PART, abs=20)


def test_a_recording_has_the_limit_of_uploads_and_is_stopped(tmp_path: Path) -> None:
    files = parts_of(np.ones(8 * PART), tmp_path / "sent")
    limited = begun(tmp_path, most_bytes=2 * 2 * PART)
    for file in files[:4]:
        limited.add(file)
    assert len(load_audio(limited.file)) <= 3 * PART
    stopped = begun(tmp_path)
    stopped.add(files[4])
    stopped.stopped.set()
    for file in files[5:]:
        stopped.add(file)
    assert len(load_audio(stopped.file)) <= 2 * PART


def header(channels: int, bits: int) -> bytes:
    wav = io.BytesIO()
    with wave.open(wav, "wb") as writer:
        writer.setparams((channels, bits // 8, 16_000, 0, "NONE", ""))
        writer.writeframes(b"\0" * 96)
    return wav.getvalue()


@pytest.mark.parametrize(
    ("sent", "message"),
    [(b"<html>" * 10, "no WAV file"), (b"", "no WAV file"), (header(1, 8), "of 8 bits"), (header(6, 16), "6 channels")],
)
def test_parts_that_cannot_be_read(tmp_path: Path, sent: bytes, message: str) -> None:
    file = tmp_path / "part" / "audio.wav"
    file.parent.mkdir()
    file.write_bytes(sent)
    with pytest.raises(OvwError, match=message):
        begun(tmp_path).add(file)


@dataclass
class SameResult:
    """A transcription in the place of a model's."""

    language: str
    detection: Detection | None

    def __iter__(self) -> Iterator[Segment]:
        yield segment(0.25, 1.0, " Words.")


class SameModel:
    """A model that finds the same words in everything, and a language where none is given."""

    threads = 1

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def transcribe(self, samples: np.ndarray, **options: Any) -> SameResult:
        self.asked.append(options)
        given = options.get("language")
        return SameResult(given or "de", None if given else Detection("de", 0.9, {}))


def test_text_comes_while_it_goes_on(tmp_path: Path, demo_samples: np.ndarray) -> None:
    pause = np.zeros(SAMPLE_RATE, np.float32)
    sentence = demo_samples[: int(4.5 * SAMPLE_RATE)]
    files = parts_of(np.concatenate([sentence, pause, sentence, pause]), tmp_path / "sent")
    recording, model = begun(tmp_path), SameModel()
    texts = transcribe_live(recording, model, {"task": "translate"})  # type: ignore[arg-type]
    for file in files[: len(files) // 2]:
        recording.add(file)
    text = next(text for text in texts if text.segments)
    assert text.segments[0].start < 1.0
    assert text.language == "de"
    for file in files[len(files) // 2 :]:
        recording.add(file)
    recording.end()
    *_, text = texts
    assert text.segments[-1].start > 4.5
    assert text.seconds == pytest.approx(11.0, abs=0.1)
    assert model.asked[0] == {"task": "translate"}
    assert all(asked == {"task": "translate", "language": "de"} for asked in model.asked[1:])


def test_speech_detection_runs_on_the_threads_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def cutter(threads: int = 0) -> PhraseCutter:
        asked.append(threads)
        return PhraseCutter(threads)

    monkeypatch.setattr(recording_module, "PhraseCutter", cutter)
    next(transcribe_live(begun(tmp_path), SameModel(), {}))  # type: ignore[arg-type]
    assert asked == [SameModel.threads]


def test_it_ends_when_it_is_stopped(tmp_path: Path) -> None:
    recording = begun(tmp_path)
    texts = transcribe_live(recording, SameModel(), {})  # type: ignore[arg-type]
    next(texts)
    recording.stopped.set()
    assert list(texts) == []


def test_it_ends_with_its_tab(tmp_path: Path) -> None:
    tabs = Tabs(tmp_path)
    tab = tabs.of("one")
    recording = MicrophoneRecording(tab.new_folder() / "recording.wav", 1e9, tab.begin("subtitles"))
    tab.recording = recording
    tabs.close("one")
    assert not recording.file.exists()
    assert list(recording.parts()) == []
