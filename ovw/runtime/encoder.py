"""The audio encoder as a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.artifact.layouts import encoder_file
from ovw.artifact.names import DEFAULT_LAYOUT
from ovw.runtime.bounds import PortBounds
from ovw.runtime.device import DeviceOptions, compile_model, core


class EncoderSession:
    """Log-mel spectrograms to hidden states.

    Args:
        artifact: folder of an artifact.
        options: device, precision and threads.
        layout: of the folder, any with an encoder IR.
        edit: changes the graph before it is compiled.
    """

    def __init__(
        self,
        artifact: Path,
        options: DeviceOptions,
        layout: str = DEFAULT_LAYOUT,
        edit: Callable[[ov.Model], object] = lambda model: None,
    ) -> None:
        model = core().read_model(encoder_file(artifact, layout))
        edit(model)
        self.compiled = compile_model(model, options)
        self._request = self.compiled.create_infer_request()
        self._bounds = PortBounds.of(self.compiled, 0, "the encoder", ("batch", "mels", "frames"))

    def __call__(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode windows: [B, n_mels, frames] -> hidden states [B, frames / 2, state], the caller's to keep.

        Raises:
            OvwError: a shape outside the artifact's bounds.
        """
        self._bounds.require(mel.shape)
        hidden = self._request.infer({0: mel}, share_inputs=True)[0]
        return np.asarray(hidden, np.float32)


def fixed_window(n_frames: int) -> Callable[[ov.Model], None]:
    """An edit that fixes the encoder to one window, [1, n_mels, n_frames], if it takes that.

    The CPU plugin runs a graph of one shape a tenth faster than one of any.
    """

    def fix(model: ov.Model) -> None:
        n_mels = model.input(0).get_partial_shape()[1]
        wanted = ov.PartialShape([1, n_mels, n_frames])
        if model.input(0).get_partial_shape().relaxes(wanted):
            model.reshape(wanted)

    return fix
