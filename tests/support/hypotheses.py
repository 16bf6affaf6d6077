"""Hypotheses and an engine, made up."""

from dataclasses import replace

from ovw.datasets.audio import clip_sha256
from ovw.datasets.utterance import Problem, Utterance
from ovw.evaluate.transcription import Done
from ovw.scoring.hypothesis import Hypothesis

REQUEST = {"dataset": "x", "beam_size": 1}


def hypothesis_of(key: str, reference: str, hypothesis: str, **fields: object) -> Hypothesis:
    return replace(
        Hypothesis(key, f"{key}.wav", 4.0, "en", reference, hypothesis, seconds=1.0, temperature=0.0), **fields
    )


def utterances(n: int) -> list[Utterance]:
    return [Utterance(f"u{i}", b"", f"u{i}.wav", f"word number {i}", "en") for i in range(n)]


class Echo:
    """Repeats the reference; `bad` clips cannot be read."""

    group = 1
    language = None

    def __init__(self, *bad: str) -> None:
        self.bad, self.seen = bad, []

    def load(self):
        return lambda group: [self.work(utterance) for utterance in group]

    def work(self, utterance: Utterance):
        self.seen.append(utterance.id)
        if utterance.id in self.bad:
            return Problem(utterance.id, utterance.location, "cannot be read")
        known = {"language": utterance.language, "audio_sha256": clip_sha256(utterance)}
        found = hypothesis_of(utterance.id, utterance.reference, utterance.reference, **known)
        return Done(found, {"engine": "echo"})
