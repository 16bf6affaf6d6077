"""The cost of each approximation of the runner for an artifact, and which of them it may use.

The measure is the negative log-likelihood of fixed texts: of the same words over the same speech, a change of a
thousandth of a nat shows, where the error rate would need hours of speech. The texts are those that the artifact
decodes without approximations. Some windows are cut just below the encoder's context steps, where approximations of the
silence behind speech fail first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.arithmetic import ApproximationCost
from ovw.audio import SAMPLE_RATE
from ovw.memory import give_back
from ovw.models import Dims
from ovw.runtime.approximations import ALL, NONE, Approximations
from ovw.runtime.device import DeviceOptions
from ovw.runtime.protocols import Audio
from ovw.transcribe.checks.texts import PLAUSIBLE, decode_windows, prompt_of, text_nats, word_changes
from ovw.transcribe.model_sessions import FastModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import Prompt
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.second_search import BEAMS
from ovw.transcribe.selftest import bundled_clip
from ovw.voice_activity.spans import FrameSpan

CLIPS = (
    ("460-172359-0004", 3.0),
    ("669-129074-0011", 5.1),
    ("7367-86737-0006", 4.6),
    ("7367-86737-0001", None),
)
"""Bundled clips and the seconds after which each is cut."""
STEPS = (("merged_padding",), ("token_merging",), ("int8_attention", "grouped_scales"))
"""Approximations in the order in which they are switched on; the last two are of one pair of graphs."""
MOST_NATS = 0.02
"""A token, on average over the texts: the differences between precisions are of this size."""
WORST_NATS = 0.3
"""A token, of any text: words are lost from about here on."""
GREEDY = TranscribeOptions(beam_size=1, temperature=(0.0,), vad=False)


@dataclass(frozen=True)
class Licence:
    """Costs of the approximations, by name, and the words that change when all licensed ones are used."""

    costs: dict[str, ApproximationCost]
    words: int
    words_changed: int


def measure_licence(folder: Path, dims: Dims, device: DeviceOptions) -> Licence | None:
    """Measure the approximations on bundled speech, in the device's own arithmetic.

    `None` where the texts mean nothing, as those of random weights.

    Args:
        folder: of an artifact that the fast path takes.
        dims: of the model.
        device: how it runs.
    """
    windows = licence_windows(dims)
    scorer = _Scorer(folder, dims, device, ALL.without(STEPS[-1]))
    audio = scorer.encode(windows, NONE)
    texts = scorer.decode(audio)
    before = scorer.nats(audio, texts)
    if -before.sum() / sum(len(text) + 1 for text in texts) < PLAUSIBLE:
        return None
    costs: dict[str, ApproximationCost] = {}
    used = NONE
    for names in STEPS:
        tried = used.model_copy(update=dict.fromkeys(names, True))
        if tried.int8_attention:  # other graphs; both pairs need not fit in memory
            del scorer, audio
            give_back()
            scorer = _Scorer(folder, dims, device, ALL)
        audio = scorer.encode(windows, tried)
        after = scorer.nats(audio, texts)
        cost = cost_of(after - before, [len(text) + 1 for text in texts])
        costs |= dict.fromkeys(names, cost)
        if cost.licensed:
            before, used = after, tried
    found = scorer.decode(audio)
    costs["unsure_search"] = scorer.search_cost(audio, found)
    return Licence(costs, *word_changes(scorer.words(texts), scorer.words(found)))


def licence_windows(dims: Dims) -> list[Window]:
    """The clips, each a recording of its own."""
    windows = []
    for name, seconds in CLIPS:
        samples = bundled_clip(f"speech/test/{name}.opus")
        cut = samples if seconds is None else samples[: round(seconds * SAMPLE_RATE)]
        recording = Recording(iter([cut]), dims, "audio")
        windows.append(Window(recording, FrameSpan(0, recording.expected_frames), "en"))
    return windows


class _Scorer:
    """Sessions of an artifact that decode windows and score texts."""

    def __init__(self, folder: Path, dims: Dims, device: DeviceOptions, approximations: Approximations) -> None:
        self._sessions = FastModelSessions(folder, "genai", device, dims, (), approximations, cached=False)

    def encode(self, windows: Sequence[Window], used: Approximations) -> list[Audio]:
        """Windows encoded with some of the encoder's approximations."""
        return self._sessions.encode(windows, full_context=not used.merged_padding, merge=used.token_merging)

    def decode(self, audio: Sequence[Audio], beam_size: int = 1) -> list[list[int]]:
        """Greedy texts of encoded windows in a batch, or those of a beam search."""
        results = decode_windows(self._sessions, audio, GREEDY.model_copy(update={"beam_size": beam_size}))
        return [result.tokens for result in results]

    @cached_property
    def _prompt(self) -> Prompt:
        return prompt_of(self._sessions, GREEDY)

    def nats(self, audio: Sequence[Audio], texts: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """As `text_nats`."""
        return text_nats(self._sessions, audio, self._prompt, texts)

    def search_cost(self, audio: Sequence[Audio], texts: Sequence[Sequence[int]]) -> ApproximationCost:
        """Likelihood that searched texts lose against greedy ones."""
        searched = self.decode(audio, BEAMS)
        greedy_lengths, lengths = ([len(text) + 1 for text in which] for which in (texts, searched))
        greedy = self.nats(audio, texts) / greedy_lengths
        change = np.maximum(self.nats(audio, searched) / lengths - greedy, 0)  # the likelier text stays
        return cost_of(change * lengths, lengths)

    def words(self, texts: Sequence[Sequence[int]]) -> list[str]:
        """The text of the tokens."""
        return [self._sessions.tokenizer.text_of(text) for text in texts]


def cost_of(change: NDArray[np.float64], tokens: Sequence[int]) -> ApproximationCost:
    """The cost of an approximation, and whether it may be used.

    Args:
        change: of the negative log-likelihood of each text, nats.
        tokens: of each text.
    """
    per_token = change / np.array(tokens)
    mean = float(change.sum() / sum(tokens))
    worst = float(per_token.max())
    finite = bool(np.isfinite(per_token).all())
    return ApproximationCost(
        nats=round(mean, 5) if finite else 1e9,
        standard_error=round(float(per_token.std(ddof=1) / len(tokens) ** 0.5), 5) if finite else 1e9,
        worst=round(worst, 5) if finite else 1e9,
        licensed=finite and mean <= MOST_NATS and worst <= WORST_NATS,
    )
