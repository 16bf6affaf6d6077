"""Decoders that other programs exported, whose graphs do not share a window among rows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.artifact.ir_names import KV_CACHE_PRECISION
from ovw.artifact.port_names import LOGITS
from ovw.runtime.decoder import DecoderSession
from ovw.runtime.device import DeviceOptions
from ovw.runtime.fast.adapt import name_states
from ovw.runtime.graph_walk import UnknownGraphError
from ovw.runtime.protocols import Windows


class ForeignDecoderSession(DecoderSession):
    """A decoder of another program: where several windows get beams, what was fed is fed again with a window a row.

    Their keys and values are computed from the hidden states of the first call and kept, one window for each row.
    """

    def __init__(self, artifact: Path, options: DeviceOptions) -> None:
        super().__init__(artifact, options, _prepare)

    _hidden: NDArray[np.float32]
    _fed: NDArray[np.int64] | None = None

    def start(self, audio: Windows) -> None:
        """As `DecoderSession.start`."""
        self._hidden, self._fed = np.array(audio, np.float32), None
        super().start(audio)

    def run(self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32]) -> Mapping[str, NDArray[np.float32]]:
        """As `DecoderSession.run`."""
        if self._fed is None:
            self._fed = tokens
            return super().run(tokens, beam_idx)
        fed = np.concatenate([self._fed[beam_idx], tokens], 1)
        again = 1 < len(self._hidden) != len(tokens)
        if again:
            self.start(self._hidden[beam_idx])
        self._fed = fed
        if not again:
            return super().run(tokens, beam_idx)
        outputs = super().run(fed, np.arange(len(fed), dtype=np.int32))
        return {LOGITS: outputs[LOGITS][:, -tokens.shape[1] :]}


def _prepare(model: ov.Model) -> None:
    """Name the states as ours where they are known, for checks of them; nothing that is computed changes.

    The plugin's own cache, of 8 bits, gives NaN to new rows when a batch grows.
    """
    with suppress(UnknownGraphError):
        name_states(model)
    model.set_rt_info("f16", list(KV_CACHE_PRECISION))
