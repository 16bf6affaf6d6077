"""The check at first use: what computes on this machine against what the artifact came to in f32.

The first time that an artifact runs on a machine, in an arithmetic, with a version of OpenVINO, two stretches of the
bundled clip go through the graphs that would run, alone and in a batch. What does not compute what was proved is not
used: the next mode of computing is tried, and one line reports it. The outcome is kept in `$OVW_HOME/checked`.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ovw.artifact import names
from ovw.artifact.arithmetic import ProbeReference
from ovw.artifact.check import require_unchanged
from ovw.artifact.manifest import Manifest
from ovw.errors import OvwError, reason
from ovw.files import sweep_halves, write_whole
from ovw.home import checked_dir
from ovw.memory import give_back
from ovw.runtime import decoder, encoder, stateless
from ovw.runtime.approximations import ALL, NONE, Approximations
from ovw.runtime.device import EXACT, DeviceOptions, require_device
from ovw.runtime.fast.compiled import code_digest, fingerprint
from ovw.runtime.protocols import Audio, Decoder
from ovw.transcribe import model_sessions, selftest
from ovw.transcribe.checks import probe, rows
from ovw.transcribe.checks.probe import (
    STRETCHES_S,
    Distance,
    distance,
    make_reference,
    probe_windows,
    takes_probe,
)
from ovw.transcribe.checks.rows import batch_fault, fed_batch, fed_equal, largest_distance
from ovw.transcribe.exact import AS_LICENSED, RunPolicy
from ovw.transcribe.model_sessions import FastModelSessions, ModelSessions, has_fast_path
from ovw.transcribe.selftest import clip_sha256, golden_prompt

logger = logging.getLogger(__name__)

IN_F32 = Distance(logits=0.05, heads=0.05)
IN_DEFAULT = Distance(logits=0.15, heads=0.05)
"""Of bf16 and int8 in full context, which come to 0.08 and 0.01 (base); in f32 too where activations are quantised,
since other kernels round some of them otherwise: 0.03 and 0.01 (tiny.en, base)."""
APPROXIMATED = Distance(logits=0.6, heads=0.5)
"""With merged padding and tokens: 0.14 and 0.13 (base), 0.16 and 0.14 (tiny.en); what that costs in words, the licence
measures."""
CODE = (probe, rows, selftest, model_sessions, decoder, encoder, stateless)
"""Modules beside this one by which an outcome comes about, and those of `ovw.runtime.fast.compiled`."""
BATCH = (0, 1, 0, 1, 0)
"""The stretches in the rows of the batch."""


@dataclass(frozen=True)
class ExecutionMode:
    """A way of running an artifact: which graphs, in which arithmetic, with which approximations.

    Attributes:
        name: for messages.
        sessions: not loaded yet.
        allowed: its largest distance from f32 in full context.
    """

    name: str
    sessions: ModelSessions
    allowed: Distance


def open_checked(
    folder: Path, manifest: Manifest, options: DeviceOptions, policy: RunPolicy = AS_LICENSED
) -> ModelSessions:
    """Open an artifact in the first mode that computes here what the artifact was proved to compute.

    Args:
        folder: of the artifact.
        manifest: of the artifact.
        options: how to run it.
        policy: whether its own graphs run, in f32 only.

    Raises:
        OvwError: there is no such mode.
    """
    require_device(options)
    require_unchanged(folder, manifest, names.TOKENIZER)  # a small file, and another vocabulary writes other words
    candidates = list(execution_modes(folder, manifest, options, policy))
    sweep_halves(checked_dir())
    kept = checked_dir() / f"{_fingerprint(folder, options, policy)}.json"
    outcome = _recall(kept, candidates)
    if outcome is None:
        outcome = _first_sound(folder, manifest, candidates)
        _remember(kept, outcome)
    chosen, faults = outcome
    chosen.sessions.load()
    if faults:
        logger.warning("%s runs %s: what it prefers is too far from f32 on this machine (%s)", folder.name,
                       chosen.name, "; ".join(faults))  # fmt: skip
    used = ", ".join(chosen.sessions.approximations.without(policy.approximations_left_out()).in_use()) or "none"
    logger.debug("%s runs %s, approximations: %s", folder.name, chosen.name, used)
    return chosen.sessions


def execution_modes(
    folder: Path, manifest: Manifest, options: DeviceOptions, policy: RunPolicy
) -> Iterator[ExecutionMode]:
    """The modes in which an artifact may run, the preferred one first."""
    dims, heads = manifest.dimensions(), tuple(manifest.alignment_heads or manifest.dimensions().upper_half)
    f32 = options.model_copy(update={"precision": EXACT.precision})
    in_f32 = IN_DEFAULT if manifest.quantises_activations else IN_F32
    allowed = in_f32 if options.precision == EXACT.precision else IN_DEFAULT
    if policy.own_graphs:
        yield ExecutionMode("exactly", ModelSessions(folder, manifest.layout, f32, dims, heads), in_f32)
        return
    if options.device == "CPU" and has_fast_path(folder, manifest):
        licensed = ALL.without(manifest.arithmetic.unlicensed() if manifest.arithmetic else ())
        floating = licensed.without(("int8_attention", "grouped_scales"))
        if options.in_f32:
            licensed = floating
        tried = (("as licensed", licensed), ("without int8 attention", floating), ("without approximations", NONE))
        offered: set[Approximations] = set()
        for name, approximations in tried:
            if approximations in offered:  # in f32 the first two are alike
                continue
            offered.add(approximations)
            yield ExecutionMode(
                name, FastModelSessions(folder, manifest.layout, options, dims, heads, approximations), allowed
            )
    else:
        yield ExecutionMode(
            "with its own graphs", ModelSessions(folder, manifest.layout, options, dims, heads), allowed
        )
    yield ExecutionMode("with its own graphs in f32", ModelSessions(folder, manifest.layout, f32, dims, heads), in_f32)


def _first_sound(
    folder: Path, manifest: Manifest, candidates: Sequence[ExecutionMode]
) -> tuple[ExecutionMode, list[str]]:
    """The first mode without a fault, and the faults of those before it; raises as `open_checked`."""
    if not takes_probe(manifest.shapes, manifest.dimensions()):
        return candidates[0], []
    reference = reference_of(folder, manifest)
    faults: list[str] = []
    for mode in candidates:
        try:
            mode.sessions.load()
            fault = find_fault(mode, reference, manifest)
        except RuntimeError as error:  # such as bf16 on a CPU for which OpenVINO lacks an operation in it
            if mode is candidates[-1]:
                raise
            fault = f"OpenVINO cannot run it: {reason(error)}"
        if fault is None:
            return mode, faults
        faults.append(f"{mode.name}: {fault}")
    raise OvwError(
        f"{folder} gives wrong results on this machine: {'; '.join(faults)}",
        f"ovw verify {folder} shows what is wrong",
    )


def find_fault(mode: ExecutionMode, reference: ProbeReference, manifest: Manifest) -> str | None:
    """The difference of a mode from what was proved, if it is more than it may be; else `None`."""
    sessions, most = mode.sessions, manifest.shapes.batch[1]
    windows = probe_windows(sessions.dims)
    audio = sessions.encode(windows, full_context=True)
    found = distance(sessions.decoder, audio, reference)
    if fault := _beyond(found, mode.allowed):
        return fault
    if most < 0 or most >= len(BATCH):
        detached = [sessions.detached(window) for window in audio]
        if fault := _batch_fault(sessions.decoder, detached, reference, found.logits):
            return fault
    if manifest.source.kind == "random" or not sessions.approximations.merged_padding:
        return None
    return _beyond(distance(sessions.decoder, sessions.encode(windows), reference), APPROXIMATED)


def _batch_fault(decoder: Decoder, audio: Sequence[Audio], reference: ProbeReference, alone: float) -> str | None:
    """The fault of a batch, whose rows alone are at a distance from f32."""
    equal = [fed_equal(decoder, *pair, len(BATCH)) for pair in zip(audio, reference.tokens, strict=True)]
    batch = fed_batch(decoder, audio, reference.tokens, BATCH)
    moved = largest_distance(batch, [equal[w] for w in BATCH])
    return batch_fault(moved, distance(decoder, audio, reference, len(BATCH)).logits, alone)


def _beyond(found: Distance, allowed: Distance) -> str | None:
    if not found.heads <= allowed.heads:
        return f"the norm of a head is {found.heads:.2g} from f32, {allowed.heads:g} is allowed"
    if not found.logits <= allowed.logits:
        return f"logits are {found.logits:.2g} from f32 (relative L2), {allowed.logits:g} is allowed"
    return None


def reference_of(folder: Path, manifest: Manifest) -> ProbeReference:
    """That of the manifest; made anew where it has none, or one of other stretches."""
    known = manifest.arithmetic.probe if manifest.arithmetic else None
    if known and (known.clip_sha256, known.stretches_s) == (clip_sha256(), STRETCHES_S):
        return known
    exact = ModelSessions(folder, manifest.layout, EXACT, manifest.dimensions(), ())
    audio = exact.encode(probe_windows(exact.dims), full_context=True)
    reference = make_reference(exact.decoder, audio, golden_prompt(exact.tokenizer))
    del exact, audio
    give_back()
    return reference


def _fingerprint(folder: Path, options: DeviceOptions, policy: RunPolicy) -> str:
    """A hash of everything that an outcome depends on, the code of the check and of the sessions among it."""
    return fingerprint(folder, f"check {policy.own_graphs}", options, code_digest(sys.modules[__name__], *CODE))


def _recall(kept: Path, candidates: Sequence[ExecutionMode]) -> tuple[ExecutionMode, list[str]] | None:
    """The outcome of an earlier check, if it can be read and names one of the modes there are."""
    try:
        data = json.loads(kept.read_text(encoding="utf-8"))
        mode = next(mode for mode in candidates if mode.name == data["mode"])
        return mode, [str(fault) for fault in data["faults"]]
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None


def _remember(kept: Path, outcome: tuple[ExecutionMode, list[str]]) -> None:
    mode, faults = outcome
    with suppress(OSError, OvwError):  # it is checked again
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, json.dumps({"mode": mode.name, "faults": faults}))
