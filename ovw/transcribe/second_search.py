"""A second search of unsure windows in a batch: with beams behind a greedy text, greedily behind a beam search.

The text before a window would help where speech is unclear; windows of a batch have none.
"""

from __future__ import annotations

from dataclasses import dataclass

from ovw.transcribe.decoding.task import DecodingResult
from ovw.transcribe.fallback import UNSURE_LOGPROB, is_doubtful
from ovw.transcribe.options import TranscribeOptions

BEAMS = 3
"""Beams behind a greedy text; five find hardly more."""
GREEDY_FLOOR = UNSURE_LOGPROB
"""Mean log probability of a greedy text below which beams are worth their time; a tenth of LibriSpeech lies there."""
LEAST_GAIN = 0.02
"""Mean log probability by which their text has to be likelier: at less, other words are more often wrong than right."""
LEAST_SHARE = 0.8
"""Of the greedy text's tokens, that the beams' text has to have: they may pass over a sentence. Of five texts that
replaced one in 51 clips none had less."""
BEAMS_FLOOR = -0.35
"""Mean log probability of a beam search's text below which greedy decoding may have a longer and likelier one: beams
are compared by summed log probability, which favours a text that skips a sentence."""


@dataclass(frozen=True)
class SecondSearch:
    """Which results are searched for again, how, and which of the two is kept.

    Attributes:
        options: of the first search.
    """

    options: TranscribeOptions

    @property
    def beam_size(self) -> int:
        """Beams of the second search."""
        return BEAMS if self._is_behind_greedy else 1

    def is_wanted(self, result: DecodingResult) -> bool:
        """Whether a text passes all thresholds but is so unlikely that the other search may find a better one."""
        floor = GREEDY_FLOOR if self._is_behind_greedy else BEAMS_FLOOR
        first = result.temperature == 0 and len(self.options.temperature) > 1
        return first and result.avg_logprob < floor and not is_doubtful(result, self.options)

    def is_better(self, found: DecodingResult, result: DecodingResult) -> bool:
        """Whether the second text is likelier by enough; not a much shorter one, and a greedy one has to be longer."""
        gain = found.avg_logprob - result.avg_logprob
        if self._is_behind_greedy:
            better = gain > LEAST_GAIN and len(found.tokens) >= LEAST_SHARE * len(result.tokens)
        else:
            better = gain > 0 and len(found.tokens) > len(result.tokens)
        return better and not is_doubtful(found, self.options)

    @property
    def _is_behind_greedy(self) -> bool:
        return self.options.beam_size == 1
