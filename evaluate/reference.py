"""References of a comparison: another engine, another artifact, or hypotheses that are there already."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ovw.artifact.locate import is_artifact, locate
from ovw.artifact.manifest import Manifest
from ovw.engines.registry import EngineSpec, PytorchFile
from ovw.errors import OvwError, UsageError
from ovw.evaluate.config import EvalConfig
from ovw.home import real_path, user_path
from ovw.record import HYPOTHESES_FILE
from ovw.scoring.hypothesis import Hypothesis, read_hypotheses, same_sound

logger = logging.getLogger(__name__)

PYTORCH = "pytorch"


@dataclass(frozen=True)
class Reference:
    """A system to compare with: an engine still to be run, or its hypotheses.

    Attributes:
        name: for people.
        spec: of the engine to run on the same clips.
        hypotheses: of an earlier run.
    """

    name: str
    spec: EngineSpec | None = None
    hypotheses: list[Hypothesis] | None = None


def find_reference(config: EvalConfig, manifest: Manifest, pytorch_file: PytorchFile | None) -> Reference | None:
    """The reference that `--reference` names; `None` without one.

    Raises:
        UsageError: nothing of that name.
        OvwError: it cannot be read, or the checkpoint is not at hand.
    """
    name = config.reference
    if name is None:
        return None
    path = user_path(name)
    if name == PYTORCH:
        if pytorch_file is None:
            raise OvwError("the checkpoint of this artifact is not known here", "name its .pt file")
        return _pytorch(pytorch_file(manifest), config)
    if path.suffix == ".pt":
        if not path.is_file():
            raise UsageError(f"no checkpoint {path}", "check the path")
        return _pytorch(path, config)
    if path.suffix == ".jsonl":
        return _earlier(path, path)
    if (path / HYPOTHESES_FILE).is_file() and not is_artifact(path):
        return _earlier(path, path / HYPOTHESES_FILE)
    return _artifact(name, config)


def on_same_clips(theirs: Sequence[Hypothesis], ours: Sequence[Hypothesis]) -> list[Hypothesis]:
    """A reference's hypotheses of the clips of a run, to be scored by the run's texts, whatever texts they have.

    Raises:
        OvwError: there is no clip that both have.
    """
    known = {one.id: one for one in ours}
    shared = [
        replace(one, reference=known[one.id].reference, language=known[one.id].language)
        for one in theirs
        if one.id in known and same_sound(one.audio_sha256, known[one.id].audio_sha256)
    ]
    if ours and not theirs:
        raise OvwError("the reference has no result of any clip", "there is nothing to compare with")
    if ours and not shared:
        seen = f"the reference has clips such as {theirs[0].id}, this run such as {ours[0].id}: none that both have"
        raise OvwError(seen, "compare with a run on the same dataset")
    if len(shared) < len(ours):
        logger.warning("the reference has %d of the %d clips: it is compared on these", len(shared), len(ours))
    return shared


def _earlier(path: Path, file: Path) -> Reference:
    found = read_hypotheses(file)
    if not found:
        raise OvwError(f"{file} is empty: there is nothing to compare with", "run ovw eval into that folder first")
    return Reference(str(path), hypotheses=found)


def _pytorch(checkpoint: Path, config: EvalConfig) -> Reference:
    return Reference(PYTORCH, EngineSpec("pytorch", real_path(checkpoint), config.running()))


def _artifact(name: str, config: EvalConfig) -> Reference:
    try:
        folder = locate(name)
    except UsageError as error:
        hint = "--reference takes pytorch, a .pt file, an artifact, an earlier run's folder or its hypotheses.jsonl"
        raise UsageError(f"no reference '{name}': {error.message}", hint) from None
    return Reference(folder.name, EngineSpec("openvino", real_path(folder), config.running(), exact=config.exact))
