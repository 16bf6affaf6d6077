"""Windows that are decoded again: in full context, at higher temperatures."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from ovw.transcribe.decoding.task import DecodingResult
from ovw.transcribe.fallback import decode_with_fallback, is_doubtful, is_silence, is_skippable, needs_fallback
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import PromptBuilder
from ovw.transcribe.second_search import SecondSearch

SURE, UNSURE, UNLIKELY, REPETITIVE = (-0.1, 1.2), (-0.6, 1.2), (-1.5, 1.2), (-0.2, 9.0)
"""Mean log probability and compression ratio."""
SHORT = (0, 1)
"""Windows that hold little speech."""


class Windows:
    """Windows whose result depends on how they are encoded; calls are noted."""

    def __init__(self, *results: dict[str, tuple[float, float]]) -> None:
        self._results, self._encoded = results, ["shortened"] * len(results)
        self.calls: list[tuple[str, list[int]]] = []

    def decode(self, chosen: Sequence[int], temperature: float) -> list[DecodingResult]:
        self.calls.append((f"decode {temperature:g}", list(chosen)))
        found = [self._results[i].get(self._encoded[i], SURE) for i in chosen]
        return [
            DecodingResult([i], logprob, 0.0, ratio, temperature)
            for i, (logprob, ratio) in zip(chosen, found, strict=True)
        ]

    def encode_full(self, chosen: Sequence[int]) -> list[int]:
        taken = [i for i in chosen if self._encoded[i] != "full"]
        for i in taken:
            self._encoded[i] = "full"
        if taken:
            self.calls.append(("full", taken))
        return taken

    def run(self, **options: object) -> list[DecodingResult]:
        return decode_with_fallback(
            self.decode,
            len(self._results),
            TranscribeOptions(**options),
            self.encode_full,
            short=SHORT,
        )


def test_doubtful_windows_are_tried_in_full_and_short_unsure_ones() -> None:
    windows = Windows({"shortened": SURE}, {"shortened": UNSURE}, {"shortened": REPETITIVE}, {"shortened": UNSURE})
    results = windows.run(temperature=(0.0, 0.2))
    assert windows.calls == [("decode 0", [0, 1, 2, 3]), ("full", [1, 2]), ("decode 0", [1, 2])]
    assert [result.avg_logprob for result in results] == [*[SURE[0]] * 3, UNSURE[0]]


def test_temperatures_rise_after_that() -> None:
    windows = Windows({"shortened": UNLIKELY, "full": UNLIKELY}, {"shortened": SURE})
    (first, second) = windows.run(temperature=(0.0, 0.2, 0.4))
    assert windows.calls[1:] == [("full", [0]), ("decode 0", [0]), ("decode 0.2", [0]), ("decode 0.4", [0])]
    assert (first.temperature, second.temperature) == (0.4, 0.0)


AGAIN, SILENT, SKIPPED, DOUBTED = needs_fallback, is_silence, is_skippable, is_doubtful


@pytest.mark.parametrize(
    ("no_speech", "logprob", "ratio", "options", "found"),
    [
        (0.1, -0.5, 1.2, {}, set()),
        (0.1, -1.5, 1.2, {}, {AGAIN, DOUBTED}),
        (0.1, -1.0, 1.2, {}, set()),  # not below the threshold
        (0.1, -0.5, 9.0, {}, {AGAIN, DOUBTED}),
        (0.1, -0.5, 0.0, {}, {DOUBTED}),  # no text
        (0.7, -0.5, 1.2, {}, set()),  # a good text, whatever the no-speech probability
        (0.7, -0.5, 9.0, {}, {AGAIN, DOUBTED}),
        (0.7, -1.5, 9.0, {}, {SILENT, SKIPPED, DOUBTED}),
        (0.7, -1.0, 1.2, {}, {SKIPPED, DOUBTED}),
        (0.6, -1.5, 1.2, {}, {AGAIN, DOUBTED}),  # not above the threshold
        (0.7, -1.5, 1.2, {"no_speech_threshold": None}, {AGAIN, DOUBTED}),
        (0.7, -1.5, 1.2, {"no_speech_threshold": 0.8}, {AGAIN, DOUBTED}),
        (0.7, -1.5, 1.2, {"logprob_threshold": -2.0}, set()),
        (0.7, -0.1, 1.2, {"logprob_threshold": None}, {SKIPPED, DOUBTED}),
        (0.7, -1.5, 9.0, {"logprob_threshold": None}, {AGAIN, SKIPPED, DOUBTED}),
        (0.1, -0.5, 9.0, {"compression_ratio_threshold": None}, set()),
    ],
)
def test_thresholds_are_whispers(
    no_speech: float, logprob: float, ratio: float, options: dict[str, float | None], found: set[object]
) -> None:
    """`transcribe.py:decode_with_fallback` and `should_skip`, with 0.6, -1.0 and 2.4; doubt is our own."""
    result = DecodingResult([1], logprob, no_speech, ratio, 0.0)
    judges = (AGAIN, SILENT, SKIPPED, DOUBTED)
    assert {judge for judge in judges if judge(result, TranscribeOptions(**options))} == found


@pytest.mark.parametrize(
    ("beam_size", "logprob", "tokens", "better"),
    [
        (1, -0.40, 30, True),
        (1, -0.485, 30, False),  # hardly likelier
        (1, -0.36, 20, False),  # beams that pass over a sentence
        (1, -0.36, 24, True),
        (5, -0.40, 40, True),
        (5, -0.40, 30, False),  # no more words
        (5, -0.60, 40, False),
    ],
)
def test_texts_of_a_second_search(beam_size: int, logprob: float, tokens: int, better: bool) -> None:
    """Against a text of 30 tokens at -0.5."""
    first = DecodingResult([1] * 30, -0.5, 0.0, 1.2, 0.0)
    found = DecodingResult([1] * tokens, logprob, 0.0, 1.2, 0.0)
    assert SecondSearch(TranscribeOptions(beam_size=beam_size)).is_better(found, first) is better


def test_a_long_prefix_leaves_room_for_the_text() -> None:
    """Beside a long prompt both would fill the context."""
    controls = {"language_tokens": {"en": 2}, "transcribe": 3, "encode": lambda text: [ord(c) for c in text.strip()]}
    tokenizer = SimpleNamespace(sot=1, sot_prev=9, no_timestamps=4, **controls)
    options = TranscribeOptions(initial_prompt="a" * 400 + "z", prefix="b" * 400)
    prompt = PromptBuilder(tokenizer, options, 448).build("en")
    assert len(prompt.tokens) == 448 - 448 // 4
    assert prompt.tokens[prompt.sot - 1 : prompt.sot + 4] == (ord("z"), 1, 2, 3, ord("b"))


def test_hotwords_take_half_of_the_context_at_most() -> None:
    controls = {"language_tokens": {"en": 2}, "transcribe": 3, "encode": lambda text: [ord(c) for c in text.strip()]}
    tokenizer = SimpleNamespace(sot=1, sot_prev=9, no_timestamps=4, **controls)
    builder = PromptBuilder(tokenizer, TranscribeOptions(initial_prompt="A", hotwords="h" * 223 + "z"), 448)
    assert builder.build("en").tokens == (9, *[ord("h")] * 223, 1, 2, 3)


@pytest.mark.parametrize("carried", [True, None, False])
def test_prompts_after_a_window(carried: bool | None) -> None:
    controls = {"language_tokens": {"en": 2}, "transcribe": 3, "encode": lambda text: [ord(c) for c in text.strip()]}
    tokenizer = SimpleNamespace(sot=1, sot_prev=9, no_timestamps=4, **controls)
    options = TranscribeOptions(initial_prompt="A", condition_on_previous_text=carried)
    builder = PromptBuilder(tokenizer, options, 448)
    after = builder.after([[10, 11], [12]], 0.0)
    assert builder.build("en").tokens == (9, 65, 1, 2, 3)
    assert after.build("en").tokens == ((1, 2, 3) if carried is False else (9, 65, 10, 11, 12, 1, 2, 3))
    assert builder.after([[10]], 0.9).build("en").tokens == (1, 2, 3)  # sampled: it prompts nothing
