"""Transcribe a dataset: each clip once, results on disk as they come, what cannot be used named and counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ovw.audio import SAMPLE_RATE
from ovw.datasets.audio import read_bytes, read_clip
from ovw.datasets.utterance import Item, Problem, Utterance
from ovw.engines.base import Engine, EngineSpec
from ovw.errors import OvwError
from ovw.evaluate.hypothesis import Hypothesis
from ovw.evaluate.journal import Journal
from ovw.models import languages
from ovw.scale.work import Lost, Pool
from ovw.transcribe.options import TranscribeOptions


@dataclass(frozen=True)
class Done:
    """A result, and what the engine that made it says of itself."""

    hypothesis: Hypothesis
    engine: dict[str, Any]


Outcome = Done | Problem


@dataclass
class Observer:
    """Told what happens, for a progress bar."""

    on_step: Callable[[str], None] = lambda text: None
    on_clip: Callable[[int, int | None, float, float], None] = lambda done, total, audio_s, seconds: None
    """Clips done, clips in all if known, seconds of audio and of work in this session."""
    on_problem: Callable[[Problem], None] = lambda problem: None


@dataclass(frozen=True)
class Task:
    """How to make a hypothesis of an utterance, in this process or another.

    Attributes:
        spec: of the engine.
        options: of the decoding.
        language: code that holds for every clip, if any.
        detect: leave the language to the model.
    """

    spec: EngineSpec
    options: TranscribeOptions
    language: str | None = None
    detect: bool = False

    def load(self) -> Callable[[Utterance], Outcome]:
        """Load the engine once; the result is called for every clip."""
        engine = self.spec.load()
        facts = engine.facts()

        def work(utterance: Utterance) -> Outcome:
            result = self.transcribe(engine, utterance)
            return result if isinstance(result, Problem) else Done(result, facts)

        return work

    def transcribe(self, engine: Engine, utterance: Utterance) -> Hypothesis | Problem:
        """Decode and transcribe a clip; what goes wrong with it alone is a problem, not an error."""
        language = self.language or utterance.language
        spoken = None if self.detect or language not in languages() else language
        started = time.perf_counter()
        try:
            clip = read_clip(utterance)
            heard = engine.transcribe(clip.samples, self.options.model_copy(update={"language": spoken}))
        except OvwError as error:
            return Problem(utterance.id, utterance.location, error.message.removeprefix(f"{utterance.location}: "))
        except RuntimeError as error:  # OpenVINO's and PyTorch's own
            return Problem(utterance.id, utterance.location, str(error).strip().splitlines()[-1])
        return Hypothesis(
            id=utterance.id,
            audio=utterance.location,
            duration_s=round(len(clip.samples) / SAMPLE_RATE, 3),
            language=language,
            reference=utterance.reference,
            hypothesis=heard.text,
            speaker=utterance.speaker,
            detected=heard.language,
            seconds=round(time.perf_counter() - started, 4),
            tokens=heard.tokens,
            temperature=heard.temperature,
            avg_logprob=heard.avg_logprob,
            no_speech_prob=heard.no_speech_prob,
            audio_sha256=clip.sha256,
        )


@dataclass
class Tally:
    """What a run has come to so far.

    Attributes:
        order: ids in the dataset's order.
        problems: what could not be used.
    """

    order: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    audio_s: float = 0.0
    seconds: float = 0.0


def run(
    items: Iterable[Item],
    task: Task,
    pool: Pool,
    journal: Journal,
    *,
    total: int | None = None,
    strict: bool = False,
    observer: Observer | None = None,
) -> tuple[list[Hypothesis], list[Problem]]:
    """Transcribe what the journal does not have yet.

    Args:
        items: of the dataset.
        task: what to do with each.
        pool: who does it.
        journal: where results go.
        total: clips in all, if known.
        strict: stop at the first problem.
        observer: told what happens.

    Returns:
        Every hypothesis in the dataset's order, and the problems.

    Raises:
        OvwError: nothing can go on, or `strict` and a problem.
    """
    watch, tally = observer or Observer(), Tally()

    def note(problem: Problem) -> None:
        if strict:
            raise OvwError(f"{problem.id}: {problem.reason} ({problem.location})", "without --strict the run goes on")
        tally.problems.append(problem)
        watch.on_problem(problem)

    for outcome in pool.run(task, _pending(items, journal, tally, note)):
        if isinstance(outcome, Lost):
            note(Problem(outcome.item.id, outcome.item.location, outcome.reason))
        elif isinstance(outcome, Problem):
            note(outcome)
        else:
            journal.note_engine(outcome.engine)
            journal.add(outcome.hypothesis)
            tally.audio_s += outcome.hypothesis.duration_s
            tally.seconds += outcome.hypothesis.seconds or 0.0
        watch.on_clip(len(journal.done), total, tally.audio_s, tally.seconds)
    return journal.finish(tally.order), tally.problems


def _pending(
    items: Iterable[Item], journal: Journal, tally: Tally, note: Callable[[Problem], None]
) -> Iterator[Utterance]:
    """Utterances still to be done, fit to be sent to another process."""
    for item in items:
        if isinstance(item, Problem):
            note(item)
            continue
        tally.order.append(item.id)
        if item.id in journal.done:
            continue
        if not item.reference.strip():
            note(Problem(item.id, item.location, "the reference is empty"))
            continue
        try:
            yield _portable(item)
        except OvwError as error:
            note(Problem(item.id, item.location, error.message.removeprefix(f"{item.location}: ")))


def _portable(utterance: Utterance) -> Utterance:
    """The utterance with its audio as a path or bytes, which any process can read."""
    audio: Any = utterance.audio
    return replace(utterance, audio=read_bytes(utterance)) if callable(audio) else utterance
