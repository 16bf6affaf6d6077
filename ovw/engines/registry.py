"""The engines of `ovw bench` and `ovw eval`: one row each. Importing this loads none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ovw.errors import UsageError, row_of

if TYPE_CHECKING:
    from ovw.artifact.manifest import Manifest
    from ovw.engines.base import Engine
    from ovw.runtime.device import DeviceOptions

AXES = ("device", "hint", "streams", "threads", "inference_precision", "shapes", "frames", "batch", "beam_size")
"""Axes of a benchmark."""
Models = Literal["artifacts", "folders", "checkpoints", "own"]
PytorchFile = Callable[["Manifest"], Path]
"""Finds or makes the `.pt` file an artifact was made from; handed in, since only convert knows about checkpoints."""


@dataclass(frozen=True)
class EngineRow:
    """An engine.

    Attributes:
        name: of it, on command lines and in records.
        module: of `ovw.engines.standalone`, which runs it on clips in any interpreter.
        package: to install where it is missing.
        models: the models that it runs: `artifacts` with ovw's runner, which also has stages to time; `folders` of an
            artifact with its own; the original `checkpoints` of artifacts; or only its `own`.
        layouts: of the artifacts that it runs, or whose checkpoint it runs.
        axes: of a benchmark that mean something to it.
        decoding: options of `ovw transcribe` that another project's engine takes, beside task, language and beams.
        has_layers: OpenVINO runs its graphs, and can time every layer of them.
        fetches: it takes the name of a model that it fetches itself.
        loader: `module:class` of its engine for `ovw eval`, where there is one.
    """

    name: str
    module: str
    package: str
    models: Models
    layouts: tuple[str, ...]
    axes: tuple[str, ...]
    decoding: tuple[str, ...] = ()
    fetches: bool = False
    has_layers: bool = False
    loader: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether ovw's own runner drives it."""
        return self.models == "artifacts"


_TEXT = ("initial_prompt", "without_timestamps", "max_new_tokens")
_FALLBACK = (
    "temperature", "best_of", "patience", "compression_ratio_threshold", "logprob_threshold", "no_speech_threshold",
    "condition_on_previous_text", "suppress_tokens", "suppress_blank", "word_timestamps",
)  # fmt: skip
_PIPELINE_AXES = ("device", "threads", "inference_precision", "beam_size")
ENGINES: dict[str, EngineRow] = {row.name: row for row in (
    EngineRow("openvino", "ours", "ovw", "artifacts", ("genai", "stateless"), AXES,
              has_layers=True, loader="ovw.engines.openvino:load_engine"),
    EngineRow("onnxruntime", "ours", "onnxruntime", "artifacts", ("onnx",),
              ("threads", "frames", "batch", "beam_size")),
    EngineRow("openvino-genai", "genai", "openvino-genai", "folders", ("genai",), _PIPELINE_AXES,
              (*_TEXT, "hotwords")),
    EngineRow("optimum-intel", "optimum_intel", "optimum-intel", "folders", ("genai",), _PIPELINE_AXES, _TEXT[1:]),
    EngineRow("pytorch", "pytorch", "openai-whisper", "checkpoints", ("genai", "stateless", "onnx"),
              ("threads", "beam_size"), (*_TEXT, *_FALLBACK, "length_penalty", "max_initial_timestamp"),
              loader="ovw.engines.openai_whisper:load_engine"),
    EngineRow("faster-whisper", "faster", "faster-whisper", "own", (), ("threads", "beam_size"),
              (*_TEXT, *_FALLBACK, "hotwords", "repetition_penalty", "no_repeat_ngram_size"), fetches=True),
)}  # fmt: skip


def engine_row(name: str) -> EngineRow:
    """The row of an engine; raises as `row_of`."""
    return row_of(ENGINES, name, "engine")


@dataclass(frozen=True)
class EngineSpec:
    """An engine and its model, to be loaded here or in another process.

    Attributes:
        name: of an engine with a loader.
        model: an artifact folder, or an OpenAI `.pt` file for pytorch.
        device: how to run it; by default on the CPU as it likes.
        exact: f32, no approximation.
    """

    name: str
    model: Path
    device: DeviceOptions | None = None
    exact: bool = False

    def identity_sha256(self) -> str:
        """The hash that identifies this model."""
        from ovw.artifact.hashing import file_sha256
        from ovw.artifact.locate import identity_sha256  # not on the way to --help

        return identity_sha256(self.model) if engine_row(self.name).is_ours else file_sha256(self.model)

    def load(self) -> Engine:
        """Load it.

        Raises:
            OvwError: no such model, or the engine is not installed.
        """
        loader = engine_row(self.name).loader
        if loader is None:
            known = [name for name, row in ENGINES.items() if row.loader]
            raise UsageError(f"the engine '{self.name}' is for ovw bench only", f"these score too: {', '.join(known)}")
        module, _, function = loader.partition(":")
        engine: Engine = getattr(import_module(module), function)(self)
        return engine
