"""The compressed forms of one model: a compressor and a verdict for each precision, found once for all its layouts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.manifest import Compression, WerGate
from ovw.artifact.names import DEFAULT_LAYOUT
from ovw.convert.compression import wer_gate
from ovw.convert.compression.calibration import Speech, read_speech, windows_of
from ovw.convert.compression.divergence import GreedyOutput, divergence, greedy_outputs
from ovw.convert.compression.nncf_backend import Compressor
from ovw.convert.compression.recipe import Recipe
from ovw.convert.compression.recipe_search import Trial, search
from ovw.errors import NotEqualError
from ovw.network import offline
from ovw.runtime.device import DeviceOptions
from ovw.runtime.sessions import open_encoder
from ovw.scratch import scratch_folder
from ovw.transcribe.selftest import clip_mel

if TYPE_CHECKING:
    from ovw.convert.builder import ArtifactBuilder

CALIBRATION_CLIPS = 128
GATE_CLIPS = 200
"""Scored at most, where the dataset has more and sets no limit."""
FULL_PRECISION = "fp32"
WARM_UP, TIMED = 2, 15


@dataclass(frozen=True)
class _Chosen:
    """A recipe, its compressor, and the trials that led to it."""

    recipe: Recipe
    compressor: Compressor
    trials: Sequence[Trial]


class CompressionSelection:
    """The compressed forms of a loaded checkpoint.

    Args:
        builder: of its artifacts, which also makes those that are scored and then thrown away.
    """

    def __init__(self, builder: ArtifactBuilder) -> None:
        self._builder, self._on_step = builder, builder.on_step
        self._checkpoint, self._config = builder.checkpoint, builder.config
        self._size = builder.info.name if builder.info else None
        self._chosen: dict[str, _Chosen] = {}
        self._judged: dict[str, Compression] = {}

    def compressor_of(self, precision: str) -> Compressor | None:
        """The compressor of a precision; `None` for fp32 and fp16.

        Raises:
            OvwError: no speech to calibrate with.
        """
        recipe = self._config.recipe_of(precision, self._size)
        if recipe is None:
            return None
        if precision not in self._chosen:
            trials: list[Trial] = []
            if self._config.tune:
                recipe, trials = search(recipe, partial(self._trial, precision), self._on_step)
            self._chosen[precision] = _Chosen(recipe, self._compressor(recipe), trials)
        return self._chosen[precision].compressor

    def judged(self, precision: str, folder: Path | None) -> Compression:
        """The manifest entry of a precision that has passed the WER gate.

        Args:
            precision: whose compressor was asked for.
            folder: its artifact of the default layout and shapes, proved; one is made to be scored where there is none.

        Raises:
            OvwError: no speech to score on, or words are lost and that is not accepted.
        """
        if precision not in self._judged:
            chosen = self._chosen[precision]
            verdict = trials_verdict(chosen.trials, chosen.recipe) or self._judge(precision, chosen.compressor, folder)
            if verdict:
                wer_gate.require(verdict, accept=self._config.accept_wer)
            self._judged[precision] = Compression(
                recipe=chosen.recipe.describe(),
                calibration=self._calibration.describe() if chosen.recipe.calibrated else None,
                gate=verdict,
                trials=[trial.describe() for trial in chosen.trials] or None,
            )
        return self._judged[precision]

    def _compressor(self, recipe: Recipe) -> Compressor:
        if not recipe.calibrated:
            return Compressor(recipe)
        return Compressor(recipe, windows_of(self._calibration, self._checkpoint.dims, recipe.windows))

    @cached_property
    def _calibration(self) -> Speech:
        self._on_step("reading calibration speech")
        with offline(self._config.offline):
            return read_speech(self._config.calibration, CALIBRATION_CLIPS, texts=False)

    @cached_property
    def _gate_speech(self) -> Speech:
        """Clips that calibrate are left out, whether a precision needs them or not: the same clips judge all."""
        asked = self._config.gate
        if asked is None:
            raise ValueError("the gate was declined")
        needs = any(r.calibrated for p in self._config.precision if (r := self._config.recipe_of(p, self._size)))
        used = [clip.sha256 for clip in self._calibration.clips] if needs else []
        with offline(self._config.offline):
            return read_speech(asked, GATE_CLIPS, texts=True, but=used)

    @cached_property
    def _fp32(self) -> tuple[wer_gate.Score, list[GreedyOutput]]:
        """The fp32 IR's errors on the gate's speech and, for a search, its token probabilities."""
        with self._made(FULL_PRECISION, None) as folder:
            self._on_step(f"transcribing with {FULL_PRECISION}")
            fp32_outputs = greedy_outputs(folder, self._gate_speech) if self._config.tune else []
            return wer_gate.transcribe_speech(folder, self._gate_speech), fp32_outputs

    def _judge(self, precision: str, compressor: Compressor, folder: Path | None) -> WerGate | None:
        """The WER gate; none where it was declined, and for random weights, whose text means nothing."""
        if self._config.gate is None or self._checkpoint.kind == "random":
            return None
        fp32, _ = self._fp32
        with nullcontext(folder) if folder else self._made(precision, compressor) as scored:
            return self._scored(scored, precision, fp32)

    def _trial(self, precision: str, recipe: Recipe) -> Trial | None:
        """Make an artifact by a recipe, measure it, and throw it away; none where the parity gate refuses it."""
        fp32, fp32_outputs = self._fp32
        try:
            return self._measured(precision, recipe, fp32, fp32_outputs)
        except NotEqualError:
            return None

    def _measured(
        self, precision: str, recipe: Recipe, fp32: wer_gate.Score, fp32_outputs: list[GreedyOutput]
    ) -> Trial:
        with self._made(precision, self._compressor(recipe)) as folder:
            return Trial(
                recipe=recipe,
                encoder_ms=encoder_ms(folder, clip_mel(self._checkpoint.dims)),
                size_mb=sum(file.stat().st_size for file in folder.iterdir()) / 1e6,
                divergence=divergence(folder, fp32_outputs),
                gate=self._scored(folder, precision, fp32),
            )

    def _scored(self, folder: Path, precision: str, fp32: wer_gate.Score) -> WerGate:
        self._on_step(f"transcribing with {precision}")
        found = wer_gate.transcribe_speech(folder, self._gate_speech)
        return wer_gate.judge(found, fp32, self._gate_speech, self._config.max_wer_delta)

    @contextmanager
    def _made(self, precision: str, compressor: Compressor | None) -> Iterator[Path]:
        with scratch_folder() as scratch:
            self._on_step(f"making {precision} for scoring")
            self._builder.build_for_scoring(scratch, precision, compressor)
            yield scratch


def trials_verdict(trials: Sequence[Trial], recipe: Recipe) -> WerGate | None:
    """The gate's verdict on a recipe from its trial."""
    return next((trial.gate for trial in trials if trial.recipe == recipe), None)


def encoder_ms(folder: Path, mel: NDArray[np.float32]) -> float:
    """Shortest time of a window through an artifact's encoder, as the device runs it by default."""
    encoder = open_encoder(folder, DEFAULT_LAYOUT, DeviceOptions())
    times = []
    for _ in range(WARM_UP + TIMED):
        started = time.perf_counter()
        encoder(mel)
        times.append(time.perf_counter() - started)
    return 1e3 * min(times[WARM_UP:])
