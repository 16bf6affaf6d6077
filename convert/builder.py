"""One artifact of a loaded checkpoint: written, proved, measured, described."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ovw.artifact.layouts import layout_row
from ovw.artifact.manifest import Manifest, Shapes, claim, write_manifest
from ovw.artifact.names import DEFAULT_LAYOUT
from ovw.convert.arithmetic import measure_arithmetic
from ovw.convert.compression.nncf_backend import Compressor
from ovw.convert.config import ConvertConfig
from ovw.convert.describe import describe, tool_versions
from ovw.convert.graphs.frontends import open_frontend
from ovw.convert.graphs.shapes import Bounds
from ovw.convert.layouts import write_layout
from ovw.convert.layouts.export import Export
from ovw.convert.parity import prove, tolerance_for
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.errors import OvwError, reason
from ovw.models import ModelInfo


class ArtifactBuilder:
    """Builds the artifacts of a loaded checkpoint, those that are kept and those that are only scored.

    Args:
        name: what its artifacts are called after.
        info: of its size, if it is an official one.
        checkpoint: the weights.
        config: the request.
        on_step: called with what begins.
    """

    def __init__(
        self,
        name: str,
        info: ModelInfo | None,
        checkpoint: Checkpoint,
        config: ConvertConfig,
        on_step: Callable[[str], None],
    ) -> None:
        self.name, self.info, self.checkpoint = name, info, checkpoint
        self.config, self.on_step = config, on_step

    def build(
        self,
        folder: Path,
        precision: str,
        layout: str,
        shapes: Shapes,
        compressor: Compressor | None,
        *,
        for_scoring: bool = False,
    ) -> Manifest:
        """Build an artifact in a folder that nobody uses yet.

        Args:
            folder: an empty one.
            precision: of its weights.
            layout: of its files.
            shapes: that its graphs take.
            compressor: of its weights; `None` for fp32 and fp16.
            for_scoring: it is thrown away once it is scored: batches and approximations are not measured.

        Raises:
            OvwError: OpenVINO fails, or the artifact is not what PyTorch computes.
        """
        what = f"{precision} {layout}"
        self.on_step(f"writing {what}")
        export = self._write(folder, precision, layout, shapes, compressor)
        claim(folder)  # what is proved is what runs: without a manifest it would run as another program's
        with _explained("run"):
            self.on_step(f"comparing {what} with PyTorch")
            tolerance = tolerance_for(self.checkpoint, precision)
            proof = prove(folder, self.checkpoint, tolerance, layout, shapes)
            arithmetic = None
            if layout_row(layout).decodes and not for_scoring:  # else another program runs the decoder
                self.on_step(f"measuring {what} in batches and approximations")
                args = (folder, layout, self.config.frontend_of(layout), shapes, self.checkpoint.dims)
                arithmetic = measure_arithmetic(*args, approximations=self.checkpoint.kind != "random")
        self.on_step(f"hashing {what}")
        manifest = describe(folder, export, self.config.frontend_of(layout), proof, arithmetic)
        write_manifest(manifest, folder)
        return manifest

    def build_for_scoring(self, folder: Path, precision: str, compressor: Compressor | None) -> None:
        """Build the artifact of a precision in the default layout, to be scored and thrown away; raises as `build`."""
        self.build(folder, precision, DEFAULT_LAYOUT, self.default_shapes(), compressor, for_scoring=True)

    def default_shapes(self) -> Shapes:
        """Shapes of the default layout where none are asked for."""
        return Bounds().resolve(self.checkpoint.dims, DEFAULT_LAYOUT)

    def _write(
        self, folder: Path, precision: str, layout: str, shapes: Shapes, compressor: Compressor | None
    ) -> Export:
        frontend = self.config.frontend_of(layout)
        metadata = {"name": self.name, "precision": precision, "layout": layout, "shapes": str(shapes)}
        with TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch, _explained("make"):
            export = Export(
                name=self.name,
                layout=layout,
                checkpoint=self.checkpoint,
                precision=precision,
                shapes=shapes,
                frontend=open_frontend(frontend, self.checkpoint, Path(scratch)),
                scratch=Path(scratch),
                compressor=compressor,
                metadata=metadata | {"frontend": frontend} | tool_versions(layout, precision),
                ggml_names=tuple(self.config.ggml_stems()),
            )
            write_layout(folder, export)
        return export


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Report OpenVINO's failures in one line; the staging folder reports those of the disk.

    Raises:
        OvwError: OpenVINO failed.
    """
    try:
        yield
    except RuntimeError as error:
        raise OvwError(f"OpenVINO cannot {what} the IR: {reason(error)}", "-v shows more; please report it") from error
