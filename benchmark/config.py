"""The configuration of `ovw bench`: what is measured, on which axes, and for how long."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ovw.choices import BenchFormat, FloatType, Hint
from ovw.config import Config, UserPath, as_list, as_values, build
from ovw.datasets.resolve import DatasetOptions
from ovw.engines.registry import EngineRow, engine_row
from ovw.errors import UsageError
from ovw.models import find_language
from ovw.transcribe.options import AUTO, MOST_BEAMS, MOST_WINDOWS, TranscribeOptions

Stage = Literal[
    "load", "compile", "first_inference", "mel", "encoder", "throughput", "prefill", "token",
    "runner_encoder", "runner_prefill", "runner_token", "detokenize", "pipeline",
]  # fmt: skip
STAGES: tuple[Stage, ...] = get_args(Stage)
"""Those of the artifact's own graphs; `runner_...` are of the graphs that the runner makes of them."""
GRAPHS = frozenset(STAGES) - {"pipeline"}
"""Stages that need the graphs alone; `pipeline` runs an engine on clips."""


def _engine(value: Any) -> Any:
    """An engine's name alone stands for the engine with its defaults."""
    if not isinstance(value, str | dict):
        return value
    entry = {"name": value} if isinstance(value, str) else value
    engine_row(str(entry.get("name")))
    return entry


class EngineEntry(Config):
    """An engine, and what it runs if not the artifacts."""

    name: str
    """A name of the registry of engines."""
    model: str | None = None
    """Its model, such as a folder of CTranslate2; by default each of the artifacts."""
    precision: str | None = None
    """Of its weights or its arithmetic, in its own words, such as faster-whisper's `int8`."""
    python: str | None = None
    """An interpreter of an environment that has it; by default this one."""
    batch_size: int | None = Field(default=None, ge=1)
    """Windows or clips that it takes at once."""

    @property
    def row(self) -> EngineRow:
        """The engine's row of the registry."""
        return engine_row(self.name)


Engines = tuple[Annotated[EngineEntry, BeforeValidator(_engine)], ...]
Frames = Annotated[tuple[Annotated[int, Field(ge=1, le=3000)], ...], BeforeValidator(as_values), Field(min_length=1)]
Batches = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MOST_WINDOWS)], ...], BeforeValidator(as_values), Field(min_length=1)
]
Beams = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MOST_BEAMS)], ...], BeforeValidator(as_values), Field(min_length=1)
]
Threads = Annotated[tuple[Annotated[int, Field(ge=0, le=1024)], ...], BeforeValidator(as_values), Field(min_length=1)]
Counts = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(as_values), Field(min_length=1)]


def _with_code(decoding: dict[str, Any]) -> dict[str, Any]:
    """Decoding options with the code of their language: the same request, whatever it is called."""
    named = decoding.get("language")
    if not isinstance(named, str):
        return decoding
    return decoding | {"language": AUTO if named.lower() == AUTO else find_language(named)}


class BenchConfig(Config):
    """The options of `ovw bench`; the lists are axes, and every combination is a case."""

    models: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()
    """Artifacts; every one that is installed if none is given."""
    engines: Annotated[
        Engines, BeforeValidator(lambda v: [v] if isinstance(v, str | dict) else v), Field(min_length=1)
    ] = (EngineEntry(name="openvino"),)
    """Engines to run the models with."""
    peers: str | None = None
    """Folder in which the `model` and `python` paths of engines are looked up."""
    stages: Annotated[tuple[Stage, ...], BeforeValidator(as_values), Field(min_length=1)] = STAGES
    """Stages to time."""
    device: Annotated[tuple[str, ...], BeforeValidator(as_list), Field(min_length=1)] = ("CPU",)
    """OpenVINO devices."""
    hint: Annotated[tuple[Hint, ...], BeforeValidator(as_values), Field(min_length=1)] = ("latency",)
    """OpenVINO's performance hint."""
    streams: Threads = (0,)
    """Requests that run at the same time; 0 leaves it to the hint."""
    threads: Threads = (0,)
    """Inference threads; 0 for all cores."""
    inference_precision: Annotated[
        tuple[Literal["default", FloatType], ...], BeforeValidator(as_values), Field(min_length=1)
    ] = ("default",)
    """Arithmetic; `default` is the device's own choice."""
    shapes: Annotated[tuple[Literal["artifact", "static"], ...], BeforeValidator(as_values), Field(min_length=1)] = (
        "artifact",
    )
    """Of the encoder: as the artifact has them, or fixed to what is fed."""
    frames: Frames = (3000,)
    """Mel frames of a window, a hundredth of a second each."""
    batch: Batches = (1,)
    """Windows at once."""
    beam_size: Beams = (1,)
    """Beams of a window; 1 is greedy decoding."""
    cache: Counts = (0, 100, 400)
    """Tokens after the prompt, at which the time of a token is taken."""
    decoding: Annotated[dict[str, Any], AfterValidator(_with_code)] = Field(default_factory=dict)
    """Further decoding options of the pipeline, as of `ovw transcribe`."""
    dataset: str | None = None
    """Clips for the pipeline, as of `ovw eval`; a bundled clip of a few seconds if not given."""
    data: str | None = None
    """Where a named dataset lies."""
    split: str | None = None
    """Of the dataset."""
    limit: int | None = Field(default=None, ge=1)
    """At most this many clips."""
    shuffle: bool = False
    """With a limit: clips drawn at random."""
    seed: int = Field(default=0, ge=0)
    """Of the draw."""
    rounds: int = Field(default=5, ge=1, le=100)
    """Times that every case is run, each in a process of its own, the cases taking turns."""
    iterations: int = Field(default=10, ge=1)
    """Of a stage in a round, at least."""
    seconds: float = Field(default=0.5, ge=0)
    """Of a stage in a round, at least."""
    warmup: int = Field(default=2, ge=0)
    """Iterations of a stage before its clock starts."""
    budget: float | None = Field(default=None, gt=0)
    """Seconds for everything: rounds that do not fit are skipped and reported."""
    timeout: float = Field(default=600.0, gt=0)
    """Seconds without a result after which a process counts as hanging."""
    memory: bool = True
    """Run every case once more to see its memory."""
    layers: bool = False
    """Time every layer of the graphs, in a run of its own."""
    roofline: bool = True
    """Measure what the machine can do at most, and the share of it that stages reach."""
    output: UserPath | None = None
    """The record; by default one below `$OVW_HOME/bench`."""
    format: Annotated[tuple[BenchFormat, ...], BeforeValidator(as_values)] = ("json",)
    """Files beside the record: tables, or the page of `ovw report`."""

    @model_validator(mode="after")
    def _check(self) -> BenchConfig:
        self.options()
        if (self.data or self.split or self.limit) and not self.dataset:
            raise UsageError("data, split and limit belong to a dataset", "--dataset librispeech")
        return self

    def options(self) -> TranscribeOptions:
        """The decoding options, with one beam; fails on unknown ones."""
        if taken := sorted({"beam_size", "batch_size"} & set(self.decoding)):
            raise UsageError(f"{taken[0]} is an axis of its own", "write beam_size or batch beside decoding")
        return build(TranscribeOptions, {"beam_size": 1, **self.decoding}, " in decoding")

    def speech(self) -> DatasetOptions | None:
        """The dataset options, if there is a dataset."""
        if self.dataset is None:
            return None
        fields = ("dataset", "data", "split", "limit", "shuffle", "seed")
        return DatasetOptions(**{name: getattr(self, name) for name in fields})
