"""Transcribe a dataset: each clip once, results on disk as they come, what cannot be used named and counted."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ovw.api.batches import warn_of_fault
from ovw.audio import SAMPLE_RATE
from ovw.datasets.audio import Clip, forget_recording, read_clip
from ovw.datasets.utterance import Item, Problem, Utterance
from ovw.engines.base import Engine, EngineResult
from ovw.engines.registry import EngineSpec
from ovw.errors import OvwError, reason, unexpected
from ovw.evaluate.journal import HypothesisJournal
from ovw.evaluate.pending import pending
from ovw.media_fragment import split_fragment
from ovw.scale.task import Lost, Pool
from ovw.scoring.hypothesis import Hypothesis
from ovw.scoring.language import model_language, scored_language
from ovw.transcribe.options import AUTO, TranscribeOptions

logger = logging.getLogger(__name__)

GROUPED_BATCHES = 4


@dataclass(frozen=True)
class Done:
    """A result, and the description of the engine that made it."""

    hypothesis: Hypothesis
    engine: dict[str, Any]


Outcome = Done | Problem


@dataclass
class EvalObserver:
    """Callbacks for a progress bar."""

    on_step: Callable[[str], None] = lambda text: None
    on_clip: Callable[[int, int | None, float, float], None] = lambda done, total, audio_s, seconds: None
    """Clips done, clips in all if known, seconds of audio and of work in this session."""
    on_problem: Callable[[Problem], None] = lambda problem: None


@dataclass(frozen=True)
class _Opened:
    """A clip with its samples, and how long it took to read them."""

    utterance: Utterance
    clip: Clip
    seconds: float


@dataclass(frozen=True)
class TranscribeClips:
    """The work of transcribing clips, in this process or another.

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

    @property
    def group(self) -> int:
        """Clips that are handed to a worker at a time: enough to find windows of like length among them."""
        return GROUPED_BATCHES * self.options.batch_size if self.options.batch_size > 1 else 1

    def load(self) -> Callable[[list[Utterance]], list[Outcome]]:
        """Load the engine once; the result is called for every group of clips."""
        engine = self.spec.load()
        description = engine.describe()

        def work(utterances: list[Utterance]) -> list[Outcome]:
            found = self.transcribe(engine, utterances)
            return [result if isinstance(result, Problem) else Done(result, description) for result in found]

        return work

    def transcribe(self, engine: Engine, utterances: list[Utterance]) -> list[Hypothesis | Problem]:
        """Decode and transcribe clips; what goes wrong with one alone is its problem, not an error."""
        if len(utterances) == 1:
            return [self._one(engine, utterances[0])]
        found: dict[str, Hypothesis | Problem] = {}
        groups: dict[str | None, list[_Opened]] = defaultdict(list)  # by language
        for utterance in utterances:
            started = time.perf_counter()
            try:
                clip = read_clip(utterance)
            except Exception as error:
                found[utterance.id] = _problem(utterance, error)
                continue
            opened = _Opened(utterance, clip, time.perf_counter() - started)
            groups[self._language(utterance)[1]].append(opened)
        for language, group in groups.items():
            found |= self._together(engine, group, language)
        return [found[utterance.id] for utterance in utterances]

    def _together(self, engine: Engine, group: list[_Opened], language: str | None) -> dict[str, Hypothesis | Problem]:
        """Clips of one language side by side; if that fails, one after the other, to find out which it was."""
        started = time.perf_counter()
        options = self.options.model_copy(update={"language": language})
        try:
            results = engine.transcribe_many([one.clip.samples for one in group], options)
        except Exception as error:  # every clip has been read, so it is none of theirs
            warn_of_fault(len(group), error)
            return {one.utterance.id: self._one(engine, one.utterance) for one in group}
        pace = (time.perf_counter() - started) / max(1, sum(len(one.clip.samples) for one in group))
        return {
            one.utterance.id: self._hypothesis(
                one.utterance, one.clip, result, one.seconds + pace * len(one.clip.samples)
            )
            for one, result in zip(group, results, strict=True)
        }

    def _one(self, engine: Engine, utterance: Utterance) -> Hypothesis | Problem:
        started = time.perf_counter()
        options = self.options.model_copy(update={"language": self._language(utterance)[1]})
        try:
            clip = read_clip(utterance)
            result = engine.transcribe(clip.samples, options)
        except Exception as error:
            return _problem(utterance, error)
        return self._hypothesis(utterance, clip, result, time.perf_counter() - started)

    def _language(self, utterance: Utterance) -> tuple[str | None, str | None]:
        """The language of a clip in the dataset, and the one given to the model."""
        language = self.language or utterance.language
        return language, AUTO if self.detect else model_language(language)

    def _hypothesis(self, utterance: Utterance, clip: Clip, result: EngineResult, seconds: float) -> Hypothesis:
        language = self._language(utterance)[0]
        translate = self.options.task == "translate"
        return Hypothesis(
            id=utterance.id,
            audio=utterance.location,
            duration_s=round(len(clip.samples) / SAMPLE_RATE, 3),
            language=scored_language(self.language, utterance.language, translate=translate),
            reference=utterance.reference,
            hypothesis=result.text,
            speaker=utterance.speaker,
            detected=result.language,
            seconds=round(seconds, 4),
            tokens=result.tokens,
            temperature=result.temperature,
            avg_logprob=result.avg_logprob,
            no_speech_prob=result.no_speech_prob,
            audio_sha256=clip.sha256,
            translated_from=language if translate else None,
        )


def _problem(utterance: Utterance, error: Exception) -> Problem:
    """The problem of a clip, in a line."""
    if isinstance(error, OvwError):
        message = error.message
    elif isinstance(error, RuntimeError):  # OpenVINO's and PyTorch's own
        message = reason(error)
    else:
        logger.debug("%s", utterance.id, exc_info=True)
        message = unexpected(error)
    for named in (utterance.location, split_fragment(utterance.location)[0]):
        message = message.removeprefix(f"{named}: ")
    return Problem(utterance.id, utterance.location, message)


@dataclass
class Tally:
    """The state of a run.

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
    task: TranscribeClips,
    pool: Pool,
    journal: HypothesisJournal,
    *,
    total: int | None = None,
    strict: bool = False,
    silence: bool = False,
    translate: bool = False,
    observer: EvalObserver | None = None,
) -> tuple[list[Hypothesis], list[Problem]]:
    """Transcribe what the journal does not have yet.

    Args:
        items: of the dataset.
        task: what to do with each.
        pool: who does it.
        journal: where results go.
        total: clips in all, if known.
        strict: stop at the first problem.
        silence: transcribe clips with empty references too.
        translate: the task translates, and references are English.
        observer: callbacks for progress.

    Returns:
        Every hypothesis in the dataset's order, and the problems.

    Raises:
        OvwError: nothing can go on, or `strict` and a problem.
    """
    watch, tally = observer or EvalObserver(), Tally()

    def note(problem: Problem) -> None:
        if strict:
            raise OvwError(f"{problem.id}: {problem.reason} ({problem.location})", "without --strict the run goes on")
        tally.problems.append(problem)
        watch.on_problem(problem)

    todo = pending(items, journal, tally.order, note, task.language, silence=silence, translate=translate)
    try:
        for outcomes in _worked_off(todo, task, pool):
            for outcome in outcomes:
                if isinstance(outcome, Problem):
                    note(outcome)
                else:
                    journal.note_engine(outcome.engine)
                    journal.add(outcome.hypothesis)
                    tally.audio_s += outcome.hypothesis.duration_s
                    tally.seconds += outcome.hypothesis.seconds or 0.0
            watch.on_clip(len(journal.done), total, tally.audio_s, tally.seconds)
    finally:
        forget_recording()
    return journal.finish(tally.order), tally.problems


def _worked_off(clips: Iterable[Utterance], task: TranscribeClips, pool: Pool) -> Iterator[list[Outcome]]:
    """Outcomes group by group; the clips of a group that was lost are tried once more, each alone."""
    lost: list[Utterance] = []
    for group in pool.run(task, _grouped(clips, task.group)):
        if isinstance(group, Lost) and len(group.item) > 1:
            lost += group.item
        else:
            yield _outcomes(group)
    if lost:
        yield from map(_outcomes, pool.run(task, _grouped(lost, 1)))


def _grouped(utterances: Iterable[Utterance], size: int) -> Iterator[list[Utterance]]:
    """Lists of `size`; the last may be shorter."""
    source = iter(utterances)
    while group := list(islice(source, size)):
        yield group


def _outcomes(group: list[Outcome] | Lost) -> list[Outcome]:
    """The outcome of each clip of a group."""
    if isinstance(group, Lost):
        return [Problem(item.id, item.location, group.reason) for item in group.item]
    return group
