"""A line of `hypotheses.jsonl`: a clip, its reference and its hypothesis, both raw."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ovw.errors import OvwError, quoted, reason
from ovw.parsing import from_json
from ovw.text_files import encoding_of, lines_of

REQUIRED = ("id", "reference", "hypothesis")


@dataclass(frozen=True)
class Hypothesis:
    """One clip's result.

    Attributes:
        id: of the clip.
        audio: where it lies.
        duration_s: of the decoded audio.
        language: of the reference, from the dataset or `--language`, of a translation English; selects the normalizer.
        reference: raw.
        hypothesis: raw.
        speaker: where the dataset names one.
        detected: language that the model worked in.
        seconds: to decode the media and to transcribe it.
        tokens: of the result.
        temperature: the highest of any window: above 0, it was decoded again.
        avg_logprob: the lowest of any window.
        no_speech_prob: the highest of any window.
        audio_sha256: of the media file.
        translated_from: language of the sound in the dataset or of `--language`, where it was translated.
    """

    id: str
    audio: str
    duration_s: float
    language: str | None
    reference: str
    hypothesis: str
    speaker: str | None = None
    detected: str | None = None
    seconds: float | None = None
    tokens: int | None = None
    temperature: float | None = None
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    audio_sha256: str | None = None
    translated_from: str | None = None

    def to_json(self) -> str:
        """One line, keys in the order of the attributes."""
        return json.dumps(asdict(self), ensure_ascii=False)


def same_sound(one: str | None, other: str | None) -> bool:
    """Whether two clips may hold the same sound, by the hashes of their media files as far as both are known."""
    return None in (one, other) or one == other


KEYS = {field.name: str(field.type) for field in fields(Hypothesis)}
TYPES = {"str": (str,), "float": (int, float), "int": (int,), "None": (type(None),)}


def parse(line: str) -> Hypothesis:
    """Read a line back; keys that are not ours are passed over, so files of other tools can be compared with.

    Raises:
        ValueError: not JSON, without id, reference and hypothesis, or with a value of another type.
    """
    data: Any = from_json(line)
    if not isinstance(data, dict) or any(not isinstance(data.get(key), str) for key in REQUIRED):
        raise ValueError(f"a line holds {', '.join(REQUIRED)}")
    for key, declared in KEYS.items():
        kinds = tuple(kind for name in declared.split(" | ") for kind in TYPES[name])
        if key in data and (type(data[key]) is bool or not isinstance(data[key], kinds)):
            raise ValueError(f"{key} is {quoted(data[key])}, expected {declared}")
    known = {"audio": "", "duration_s": 0.0, "language": None} | {k: v for k, v in data.items() if k in KEYS}
    return Hypothesis(**known)


def read_hypotheses(path: Path) -> list[Hypothesis]:
    """Every line of a whole file.

    Raises:
        OvwError: no such file, or a line that is none.
    """
    found: list[Hypothesis] = []
    try:
        with path.open(encoding=encoding_of(path)) as stream:
            for line in lines_of(stream):
                found.append(parse(line))
    except OSError as error:
        raise OvwError(f"{path}: {error.strerror}", "ovw eval -o writes hypotheses.jsonl") from None
    except UnicodeDecodeError as error:
        raise OvwError(f"{path} cannot be read: {reason(error)}", "hypotheses are text in UTF-8") from None
    except ValueError as error:
        raise OvwError(f"{path}:{len(found) + 1} is no hypothesis: {error}", "one JSON object a line") from None
    return found
