"""What openai-whisper has not: batches, voice activity, several languages, streams."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from support.spoken import WORDS, words
from support.whispers import opened

from ovw import Whisper
from ovw.api.recordings import RecordingOpener
from ovw.api.request import check_decoder
from ovw.artifact.manifest import read_manifest
from ovw.convert.plan import Converted
from ovw.errors import UsageError
from ovw.models import find_size
from ovw.transcribe.decoding.task import DecodingTask
from ovw.transcribe.language import vote
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import PromptBuilder
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.result import Detection, Segment
from ovw.transcribe.tokenizer import Tokenizer

RATE = 16_000


@pytest.fixture(scope="module")
def model(base: Converted) -> Whisper:
    return opened(base.folder)


@pytest.fixture(scope="module")
def long(demo_samples: np.ndarray) -> np.ndarray:
    """A minute: the demo twice, with silence, noise and a tone between."""
    rng = np.random.default_rng(0)
    noise = 0.05 * rng.standard_normal(RATE * 6).astype(np.float32)
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(RATE * 6) / RATE).astype(np.float32)
    silence = np.zeros(RATE * 6, np.float32)
    parts = (demo_samples, silence, noise, tone, demo_samples)
    return np.concatenate(parts)


def text(segments: list[Segment]) -> str:
    return words("".join(s.text for s in segments))


def assert_in_order(segments: list[Segment], duration: float) -> None:
    assert [s.id for s in segments] == list(range(len(segments)))
    assert all(a.end <= b.start for a, b in itertools.pairwise(segments))
    assert all(0 <= s.start < s.end <= duration + 1 for s in segments)


@pytest.mark.weights
@pytest.mark.parametrize(
    "options", [{"beam_size": 1}, {"batch_size": 4}, {"batch_size": 3, "beam_size": 1, "word_timestamps": True}]
)
def test_long_media_with_silence_between(model: Whisper, long: np.ndarray, options: dict) -> None:
    import jiwer

    # text that was said before makes the model skip it, so it is not told
    result = model.transcribe(long, condition_on_previous_text=False, **options)
    segments = list(result)
    assert_in_order(segments, result.duration)
    assert jiwer.wer(" ".join([WORDS] * 2), text(segments)) < 0.1
    assert {s.language for s in segments} == {"en"}
    if "word_timestamps" in options:
        timed = [w for s in segments for w in s.words or ()]
        assert all(a.end <= b.start + 1e-6 and a.start <= a.end for a, b in itertools.pairwise(timed))
        assert all("".join(w.word for w in s.words or ()) == s.text for s in segments)


@pytest.mark.weights
def test_longest_window_of_a_batch(model: Whisper, demo_samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    encode = model._sessions.encode

    def watched(self: ModelSessions, windows: list[Window], **how: bool) -> list:
        sizes.extend(window.size for window in windows)
        return encode(windows, **how)

    monkeypatch.setattr(type(model._sessions), "encode", watched)
    options = {"language": "en", "beam_size": 1, "batch_size": 4, "chunk_length": 8.0}
    long = list(model.transcribe(np.tile(demo_samples, 2), **options))
    assert max(sizes) <= 800
    assert sum(sizes) > 2500
    assert text(long).count("welcome") == 2
    sizes.clear()
    list(model.transcribe(demo_samples[: RATE * 29], **options))
    assert max(sizes) > 800  # fits a window


@pytest.mark.weights
@pytest.mark.parametrize("batch_size", [1, 4])
def test_no_words_without_speech(model: Whisper, batch_size: int) -> None:
    rng, at = np.random.default_rng(0), np.arange(RATE * 20) / RATE
    chord = sum(np.sin(2 * np.pi * f * at) for f in (220, 277.2, 329.6, 440)) * np.exp(-(at % 2)) * 0.1
    for sound in (0 * at, 0.1 * rng.standard_normal(len(at)), 0.3 * np.sin(2 * np.pi * 440 * at), chord):
        assert list(model.transcribe(sound.astype(np.float32), batch_size=batch_size)) == []


@pytest.mark.weights
@pytest.mark.parametrize("options", [{}, {"batch_size": 4}, {"word_timestamps": True}])
def test_late_speech_is_timed_where_it_begins(model: Whisper, demo_samples: np.ndarray, options: dict) -> None:
    first = next(iter(model.transcribe(demo_samples[: RATE * 5], **options)))
    late = np.concatenate([np.zeros(RATE * 25, np.float32), demo_samples[: RATE * 5]])
    segments = list(model.transcribe(late, **options))
    assert segments[0].start == pytest.approx(25 + first.start, abs=0.5)
    assert text(segments) == text([first])


@pytest.mark.weights
def test_blocks_as_they_arrive(model: Whisper, demo_samples: np.ndarray) -> None:
    """A live source is read no further than the window that is being transcribed."""
    taken = 0

    def live() -> Iterator[np.ndarray]:
        nonlocal taken
        for block in np.array_split(np.tile(demo_samples, 3), 100):
            taken += len(block)
            yield block

    result = model.transcribe(live(), language="en", beam_size=1)
    first = next(iter(result))
    assert first.text.startswith(" Hello")
    assert taken < 45 * RATE
    assert text([first, *result]).count("hello") >= 1
    assert result.duration == pytest.approx(3 * len(demo_samples) / RATE)


@pytest.mark.weights
def test_prompts_reach_the_decoder(model: Whisper, demo_samples: np.ndarray) -> None:
    clip = demo_samples[: RATE * 5]
    plain = next(iter(model.transcribe(clip, beam_size=1))).text
    assert plain.startswith(" Hello")
    cut = next(iter(model.transcribe(clip, beam_size=1, prefix=" Hello and", without_timestamps=True))).text
    assert words(cut).startswith("welcome")
    shouted = list(model.transcribe(clip, beam_size=1, hotwords="HELLO AND WELCOME. THIS IS WRITTEN IN CAPITALS"))
    assert shouted[0].text != plain


def test_windows_of_a_batch_do_not_touch_each_other(tiny: Converted) -> None:
    """Together or apart, in f32: the same tokens, greedily, with beams and with the same prompt."""
    model = Whisper(tiny.folder, exact=True)
    sessions = model._sessions
    # louder than any encoder's, or a random decoder would not listen
    hidden = 8 * np.random.default_rng(0).standard_normal((3, 60, sessions.dims.n_audio_state)).astype(np.float32)
    for options in ({"beam_size": 1}, {"beam_size": 3}):
        chosen = TranscribeOptions(max_new_tokens=20, initial_prompt="Once upon a time", **options)
        task = DecodingTask(sessions.decoder, sessions.tokenizer, chosen, sessions.dims.n_text_ctx)
        prompts = PromptBuilder(sessions.tokenizer, chosen, sessions.dims.n_text_ctx)
        prompt, rng = prompts.build("en"), np.random.default_rng(0)
        together = task.run(hidden, [prompt] * 3, 0.0, rng)
        apart = [task.run(hidden[i : i + 1], [prompt], 0.0, rng)[0] for i in range(3)]
        assert [r.tokens for r in together] == [r.tokens for r in apart]
        assert [r.no_speech_prob for r in together] == pytest.approx([r.no_speech_prob for r in apart], rel=1e-3)
        assert len({tuple(r.tokens) for r in apart}) > 1


@pytest.fixture(scope="module")
def tokenizer(tiny: Converted) -> Tokenizer:
    return Tokenizer.from_artifact(tiny.folder)


def test_prompt_layout(tokenizer: Tokenizer) -> None:
    encode, room = tokenizer.encode, 223
    options = TranscribeOptions(initial_prompt="names", hotwords="hot", prefix="so", carry_initial_prompt=True)
    builder = PromptBuilder(tokenizer, options, 448)
    control = [tokenizer.sot, tokenizer.language_tokens["de"], tokenizer.transcribe]
    head = [tokenizer.sot_prev, *encode(" hot"), *encode(" names")]
    first = builder.build("de")
    assert list(first.tokens) == [*head, *control, *encode(" so")]
    assert first.tokens[first.sot] == tokenizer.sot
    builder.extend([[1] * 300, [2, 3]], temperature=0.0)
    later = builder.build("de", first=False)
    carried = len(encode(" hot") + encode(" names"))
    assert list(later.tokens) == [*head, *[1] * (room - carried - 2), 2, 3, *control]
    builder.extend([[4]], temperature=0.8)  # too uncertain to be passed on
    assert list(builder.build("de", first=False).tokens) == [*head, *control]
    assert PromptBuilder(tokenizer, TranscribeOptions(), 448).build(None).tokens == (tokenizer.sot,)


def test_of_a_long_carried_prompt_the_end_is_kept(tokenizer: Tokenizer) -> None:
    """As in openai/whisper, whose prompts are cut at their beginning."""
    names = " ".join(f"name{i}" for i in range(120))
    options = TranscribeOptions(initial_prompt=names, hotwords="hot", carry_initial_prompt=True)
    builder = PromptBuilder(tokenizer, options, 448)
    builder.extend([[1, 2]], temperature=0.0)
    hot, tokens = tokenizer.encode(" hot"), tokenizer.encode(f" {names}")
    assert len(tokens) > 223
    assert list(builder.build("de").tokens[:224]) == [tokenizer.sot_prev, *hot, *tokens[len(hot) - 223 :]]


def test_text_stands_behind_a_carried_prompt_that_is_too_long(tokenizer: Tokenizer) -> None:
    """openai/whisper's slice of the text begins so many tokens in as the prompt is too long."""
    names = " ".join(f"name{i}" for i in range(120))
    builder = PromptBuilder(tokenizer, TranscribeOptions(initial_prompt=names, carry_initial_prompt=True), 448)
    initial = tokenizer.encode(f" {names}")
    beyond = len(initial) - 223
    builder.extend([list(range(beyond + 5))], temperature=0.0)
    expected = [*initial, *range(beyond, beyond + 5)][-223:]
    assert list(builder.build("de").tokens[:224]) == [tokenizer.sot_prev, *expected]


def test_votes() -> None:
    def voted(*guesses: tuple[str, float]) -> Detection:
        return vote((Detection(code, p, {}) for code, p in guesses), 0.5)

    assert voted(("de", 0.3), ("en", 0.6), ("de", 0.4)).language == "en"
    assert voted(("de", 0.3), ("en", 0.45), ("de", 0.4)) == Detection("de", 0.4, {})


@pytest.mark.weights
def test_the_language_may_change(model: Whisper, demo_samples: np.ndarray) -> None:
    """Detected for every window; one that is told wrong stays wrong without it."""
    segments = list(model.transcribe(demo_samples, language="de", multilingual=True))
    assert {s.language for s in segments} == {"en"}
    batched = list(model.transcribe(demo_samples, language="de", multilingual=True, batch_size=2))
    assert {s.language for s in batched} == {"en"}
    assert "hello" in text(segments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 8, "vad": False}, "needs vad"),
        ({"batch_size": 8, "prefix": "x"}, "prefix belongs to the first window"),
        ({"batch_size": 2, "condition_on_previous_text": True}, "needs the text before a window"),
        ({"batch_size": 2, "word_timestamps": True, "hallucination_silence_threshold": 2.0}, "needs the words before"),
        ({"hallucination_silence_threshold": 2.0}, "needs word_timestamps"),
        ({"carry_initial_prompt": True}, "needs an initial_prompt"),
        ({"clip_timestamps": (5, 2)}, "in rising order"),
        ({"vad_threshold": 1.5}, "vad_threshold = 1.5"),
    ],
)
def test_options_that_contradict_each_other(tiny: Converted, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Whisper(tiny.folder).transcribe(np.zeros(100, np.float32), **options)


def test_words_without_alignment_heads_are_less_exact(tiny: Converted, caplog: pytest.LogCaptureFixture) -> None:
    options = {"language": "en", "word_timestamps": True, "max_new_tokens": 8, "temperature": 0.0, "vad": False}
    segments = list(Whisper(tiny.folder).transcribe(np.ones(16000, np.float32) / 9, **options))
    assert "no alignment heads: words are timed by the decoder's upper half" in caplog.text
    assert "convert it with --size" in caplog.text
    in_sound = [segment for segment in segments if segment.start < 1]  # weights without sense go on behind it
    assert in_sound
    assert all(segment.words for segment in in_sound)


@pytest.mark.parametrize(
    ("size", "named"), [("base", "--size base to"), ("large-v2", "--size large-v1 or large-v2 to")]
)
def test_the_size_that_could_lend_heads_is_named(
    tiny: Converted, caplog: pytest.LogCaptureFixture, size: str, named: str
) -> None:
    fine_tune = read_manifest(tiny.folder).model_copy(update={"dims": find_size(size).dims.as_dict()})
    check_decoder(tiny.folder, fine_tune, TranscribeOptions(word_timestamps=True))
    assert named in caplog.text


@pytest.mark.parametrize("form", ["array", "blocks"])
def test_long_recordings_without_speech_have_no_text(model: Whisper, form: str) -> None:
    """Sound that is read in search of speech is forgotten; the language is detected in the rest."""
    silence = np.zeros(RATE * 360, np.float32)
    media = silence if form == "array" else np.array_split(silence, 45)
    found = model.transcribe(media, beam_size=1)
    assert found.text == ""
    assert found.duration == pytest.approx(360)
    assert found.detection is not None
    assert found._recording.held_from > 0


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("language", ["en", "auto"])
def test_what_lies_before_a_clip_is_not_held(
    model: Whisper, long: np.ndarray, batch_size: int, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"beam_size": 1, "batch_size": batch_size, "language": language, "clip_timestamps": (11.0, 13.0, 42.0)}
    found = model.transcribe(long, **asked)
    next(iter(found))
    assert found._recording.held_from == 1000
    monkeypatch.setattr(Recording, "skip", lambda recording, start, stop: None)
    assert model.transcribe(long, **asked).segments == found.segments


@pytest.mark.faulty_batches
def test_a_fault_in_one_recording_leaves_the_others(
    model: Whisper, demo_samples: np.ndarray, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(self: RecordingOpener, media: np.ndarray, *others: object) -> Recording:
        if len(media) < RATE * 3:
            raise KeyError("a fault of ours")
        return open_recording(self, media, *others)

    open_recording = RecordingOpener.open
    monkeypatch.setattr(RecordingOpener, "open", faulty)
    clips = [demo_samples[: RATE * 2], demo_samples[: RATE * 5]]
    found = dict(model.transcribe_each(clips, language="en", beam_size=1, batch_size=2))
    assert str(found[0]).startswith("samples: KeyError: 'a fault of ours'")
    assert "welcome" in getattr(found[1], "text", "")
    assert "2 recordings are decoded one by one, together they fail: unexpected KeyError" in caplog.text
    with pytest.raises(UsageError, match="1 streams for 2 media"):
        next(model.transcribe_each(clips, streams=[0]))


def test_the_language_of_an_english_model_is_certain(tiny_en_random: Converted, demo_samples: np.ndarray) -> None:
    found = opened(tiny_en_random.folder).detect_language(demo_samples.tolist())
    assert (found.language, found.probability) == ("en", 1.0)


def test_second_tries_are_named_with_beams_too(model: Whisper) -> None:
    for beam_size in (1, 5):
        options = TranscribeOptions(beam_size=beam_size, batch_size=8)
        assert "unsure_search" in model.approximations_for(options)
        assert "unsure_search" not in model.approximations_for(options.model_copy(update={"batch_size": 1}))
