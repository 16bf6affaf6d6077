"""Results in the manifest of the Open ASR Leaderboard, for its own scoring."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from ovw.files import write_whole
from ovw.scoring.hypothesis import Hypothesis

FOLDER = "leaderboard"
AUTHOR = "ovw"
"""The leaderboard's names of models have an author."""


def write_leaderboard(hypotheses: Iterable[Hypothesis], model: str, dataset: str, run: Path) -> Path:
    """Write `leaderboard/MODEL_..._DATASET_....jsonl`, the name by which the leaderboard finds model and dataset.

    Its lines have `audio_filepath`, `duration` and `time` in seconds, `text` and `pred_text`, both raw: scoring
    normalizes them.

    Args:
        hypotheses: of the clips.
        model: name of it.
        dataset: name and split.
        run: the run's folder.

    Raises:
        OvwError: the disk refuses.
    """
    target = run / FOLDER / f"MODEL_{AUTHOR}-{_as_name(model)}_DATASET_{_as_name(dataset)}.jsonl"
    target.parent.mkdir(exist_ok=True)
    write_whole(target, "".join(_line(one) for one in hypotheses))
    return target


def remove_leaderboard(run: Path) -> None:
    """Remove the manifests of an earlier request."""
    for path in (run / FOLDER).glob("MODEL_*_DATASET_*.jsonl"):
        path.unlink()


def _line(one: Hypothesis) -> str:
    fields = {
        "audio_filepath": one.audio,
        "duration": one.duration_s,
        "time": one.seconds,
        "text": one.reference,
        "pred_text": one.hypothesis,
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _as_name(text: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", text)
