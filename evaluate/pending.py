"""Which clips of a dataset are still to be transcribed: those without a result that holds for them as they are now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from ovw.datasets.audio import clip_sha256, read_bytes
from ovw.datasets.utterance import Item, Problem, Utterance
from ovw.errors import OvwError
from ovw.evaluate.journal import HypothesisJournal
from ovw.scoring.hypothesis import same_sound
from ovw.scoring.language import scored_language


def pending(
    items: Iterable[Item],
    journal: HypothesisJournal,
    order: list[str],
    note: Callable[[Problem], None],
    language: str | None,
    *,
    silence: bool,
    translate: bool = False,
) -> Iterator[Utterance]:
    """Utterances still to be done, fit to be sent to another process.

    Args:
        items: of the dataset.
        journal: what is done; what holds no more is dropped from it.
        order: takes the ids, in the dataset's order.
        note: takes what cannot be used.
        language: code that holds for every clip, if any.
        silence: transcribe clips with empty references too.
        translate: into English.
    """
    for item in items:
        if isinstance(item, Problem):
            note(item)
            continue
        order.append(item.id)
        source = language or item.language
        scored = scored_language(language, item.language, translate=translate)
        if _is_done(item, (scored, source if translate else None), journal):
            continue
        if not (silence or item.reference.strip()):
            note(Problem(item.id, item.location, "the reference is empty"))
            continue
        try:
            yield _portable(item)
        except OvwError as error:
            note(Problem(item.id, item.location, error.message.removeprefix(f"{item.location}: ")))


def _is_done(utterance: Utterance, languages: tuple[str | None, str | None], journal: HypothesisJournal) -> bool:
    """Whether the journal has a result of this clip: of the same sound, and languages of the text and the source."""
    done = journal.done.get(utterance.id)
    if done is None:
        return False
    if (done.language, done.translated_from) != languages or not same_sound(done.audio_sha256, _sha256(utterance)):
        journal.drop(utterance.id)
        return False
    journal.keep(replace(done, audio=utterance.location, reference=utterance.reference, speaker=utterance.speaker))
    return True


def _sha256(utterance: Utterance) -> str | None:
    """The hash of a clip's media file; `None` if it cannot be read any more."""
    try:
        return clip_sha256(utterance)
    except OvwError:
        return None


def _portable(utterance: Utterance) -> Utterance:
    """The utterance with its audio as a path or bytes, which any process can read."""
    audio: Any = utterance.audio
    return replace(utterance, audio=read_bytes(utterance)) if callable(audio) else utterance
