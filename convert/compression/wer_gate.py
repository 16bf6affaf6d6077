"""The WER gate: a compressed artifact against the fp32 IR on the same speech, before it may be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ovw.artifact.manifest import WerGate
from ovw.convert.compression.calibration import Speech
from ovw.engines.openvino import OpenvinoEngine
from ovw.errors import OvwError
from ovw.runtime.device import DeviceOptions
from ovw.scoring.bootstrap import Interval
from ovw.scoring.counts import Counts, Pair, count
from ovw.scoring.paired import compare
from ovw.transcribe.options import TranscribeOptions

GREEDY = TranscribeOptions(beam_size=1, batch_size=16)


@dataclass(frozen=True)
class Score:
    """An artifact's errors on the gate's speech.

    Attributes:
        counts: of every clip.
        precision: the arithmetic it ran in.
    """

    counts: Counts
    precision: str


def transcribe_speech(folder: Path, speech: Speech) -> Score:
    """Transcribe every clip greedily, with fallback, in the dataset's language, and count the errors.

    Clips of a language are decoded together, as `ovw eval` does it.

    Raises:
        OvwError: fewer than two clips have a text to be scored by.
    """
    engine = OpenvinoEngine(folder, DeviceOptions())
    pairs: dict[int, Pair] = {}
    for language in dict.fromkeys(utterance.language for utterance in speech.utterances):
        places = [at for at, utterance in enumerate(speech.utterances) if utterance.language == language]
        options = GREEDY.model_copy(update={"language": language})
        results = engine.transcribe_many([speech.clips[at].samples for at in places], options)
        for at, result in zip(places, results, strict=True):
            pairs[at] = Pair(speech.utterances[at].reference, result.text, language or result.language)
    counts = count([pairs[at] for at in range(len(pairs))])
    if counts.scored.sum() < 2:
        seen = f"of {speech.name} {counts.scored.sum()} of {len(counts.scored)} clips have a text to be scored by"
        raise OvwError(seen, "give --gate a dataset with two or more")
    return Score(counts, str(engine.describe()["inference_precision"]))


def judge(found: Score, fp32: Score, speech: Speech, allowed: float) -> WerGate:
    """Whether an artifact lost words.

    A delta above what is allowed is a breach where the confidence interval lies above zero as a whole and is no wider
    than what is allowed to either side, or lies above what is allowed; otherwise there were too few words to decide.

    Args:
        found: of the compressed artifact.
        fp32: of the fp32 IR on the same clips.
        speech: the clips.
        allowed: percentage points of WER.
    """
    comparison = compare(found.counts.errors, fp32.counts.errors, found.counts.lengths)
    assert comparison.ci95, "transcribe_speech refuses a single clip"
    return WerGate(
        speech=speech.describe(),
        words=int(found.counts.lengths.sum()),
        wer=comparison.rate,
        fp32_wer=comparison.reference_rate,
        delta=comparison.delta,
        ci95=comparison.ci95,
        allowed=allowed,
        inference_precision=found.precision,
        verdict=verdict_on(comparison.delta, comparison.ci95, allowed),
    )


def verdict_on(delta: float, ci95: Interval, allowed: float) -> Literal["passed", "undecided", "breached"]:
    """The verdict on a delta with its confidence interval, percentage points; the rule is that of `judge`."""
    low, high = ci95
    if delta <= allowed:
        return "passed"
    is_significant = low > 0 and high - low <= 2 * allowed
    return "breached" if is_significant or low > allowed else "undecided"


def require(gate: WerGate, *, accept: bool) -> None:
    """Refuse a breach.

    Raises:
        OvwError: words were lost, and that was not accepted.
    """
    if gate.verdict == "breached" and not accept:
        raise OvwError(
            f"compressing costs too many words: {gate.describe()}; allowed are {gate.allowed:g}",
            "--accept-wer keeps it all the same, --tune looks for a better recipe",
        )
