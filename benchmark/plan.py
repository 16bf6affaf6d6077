"""From a configuration to cases: every engine with every model it can run, at every point of the axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from ovw.artifact.locate import installed, load_manifest, locate, none_installed
from ovw.artifact.manifest import Manifest
from ovw.benchmark.case import CaseSpec
from ovw.benchmark.config import BenchConfig, EngineEntry
from ovw.engines.registry import AXES, PytorchFile
from ovw.errors import OvwError, UsageError
from ovw.home import real_path, user_path
from ovw.runtime.device import DeviceOptions

Point = dict[str, Any]
ONLY_GRAPHS = ("shapes", "frames")
"""Axes that the pipeline does not obey: the runner cuts windows of its own."""


@dataclass
class BenchPlan:
    """Cases to measure, and those that cannot be, with the reason."""

    cases: list[CaseSpec] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchModel:
    """Something an engine can load."""

    path: Path | str
    layout: str | None
    name: str
    random: bool = False
    """Its weights are random: its text is endless and means nothing."""


def make_plan(config: BenchConfig, pytorch_file: PytorchFile | None = None) -> BenchPlan:
    """All cases of a configuration, the smaller models first.

    Args:
        config: the request.
        pytorch_file: finds an artifact's checkpoint, for the engine pytorch.

    Raises:
        UsageError: no such artifact, or nothing to measure at all.
    """
    artifacts = _artifacts(config)
    plan = BenchPlan()
    for entry in config.engines:
        try:
            models = list(_models(entry, config, artifacts, pytorch_file))
        except OvwError as error:
            plan.left_out[entry.name] = str(error)
            continue
        if not models:
            plan.left_out[entry.name] = f"no artifact of the layout {' or '.join(entry.row.layouts)}"
        for model in models:
            plan.cases += [case for case in _cases(entry, model, config) if case not in plan.cases]
            if model.random and "pipeline" in config.stages:
                plan.left_out[f"{model.name}, pipeline"] = "random weights have no text to measure"
            elif "pipeline" in config.stages and len({_graphs_only(point) for point in _points(entry, config)}) > 1:
                why = "neither changes the pipeline, which is timed with the first of them"
                plan.left_out[f"{model.name}, pipeline with other shapes or frames"] = why
    if not plan.cases and not artifacts and not config.models:
        raise none_installed()
    _require_names_apart(plan.cases)
    return plan


def _artifacts(config: BenchConfig) -> list[tuple[Path, Manifest]]:
    named = [locate(name) for name in config.models]
    once = {real_path(folder): folder for folder in named}  # however it is spelled
    known = [(folder, load_manifest(folder)) for folder in once.values() or installed()]
    return sorted(known, key=lambda pair: sum(file.bytes for file in pair[1].files.values()))


def _models(
    entry: EngineEntry,
    config: BenchConfig,
    artifacts: list[tuple[Path, Manifest]],
    pytorch_file: PytorchFile | None,
) -> Iterator[BenchModel]:
    """The models of an engine: its entry's own, or those of the artifacts that it can run."""
    if entry.python and not _below(entry.python, config.peers).is_file():
        raise OvwError(f"no interpreter {_below(entry.python, config.peers)}", "--peers names the folder it is in")
    if entry.model:
        yield _named_model(entry, config)
        return
    if entry.row.models == "own":
        raise UsageError(f"{entry.name} needs a model of its own", "give it model: a CTranslate2 folder or a size")
    seen = set()
    for folder, manifest in artifacts:
        if manifest.layout not in entry.row.layouts:
            continue
        if entry.row.models != "checkpoints":
            yield BenchModel(folder, manifest.layout, folder.name, manifest.source.kind == "random")
        elif pytorch_file and manifest.source.tensors_sha256 not in seen:
            seen.add(manifest.source.tensors_sha256)
            yield BenchModel(pytorch_file(manifest), None, manifest.name)


def _named_model(entry: EngineEntry, config: BenchConfig) -> BenchModel:
    assert entry.model is not None  # _models asked
    path = _below(entry.model, config.peers)
    if entry.row.is_ours:
        folder = locate(str(path) if path.exists() else entry.model)
        return BenchModel(folder, load_manifest(folder).layout, folder.name)
    if path.exists():
        return BenchModel(real_path(path), None, path.stem if path.is_file() else path.name)
    if entry.row.fetches and "/" not in entry.model:
        return BenchModel(entry.model, None, entry.model)
    raise OvwError(f"no model {path}", "--peers names the folder it is in")


def _below(path: str, peers: str | None) -> Path:
    """A path of an engine's entry, in the peers' folder if there is one; links stay: an environment's python is one."""
    given = user_path(path)
    return user_path(peers).absolute() / given if peers and not given.is_absolute() else given.absolute()


def _cases(entry: EngineEntry, model: BenchModel, config: BenchConfig) -> Iterator[CaseSpec]:
    points = _points(entry, config)
    for point in points:
        has_pipeline = not model.random and _graphs_only(point) == _graphs_only(points[0])
        stages = tuple(s for s in config.stages if (has_pipeline if s == "pipeline" else entry.row.is_ours))
        if not stages:
            continue
        fields = {key: point[key] for key in ("shapes", "frames", "batch", "beam_size")}
        yield CaseSpec(
            name=_case_name(entry, model, point),
            engine=entry.name,
            model=str(model.path),
            layout=model.layout,
            precision=entry.precision,
            python=str(_below(entry.python, config.peers)) if entry.python else None,
            device=_device(point),
            stages=stages,
            **fields,
        )


def _graphs_only(point: Point) -> tuple[Any, ...]:
    return tuple(point[axis] for axis in ONLY_GRAPHS)


def _points(entry: EngineEntry, config: BenchConfig) -> list[Point]:
    """Every combination of the axes that the engine obeys, each once; the entry's batch is the only one."""
    defaults = BenchConfig()
    axes = {axis: getattr(config if axis in entry.row.axes else defaults, axis) for axis in AXES}
    if entry.batch_size:
        axes["batch"] = (entry.batch_size,)
    return [dict(zip(axes, values, strict=True)) for values in dict.fromkeys(product(*axes.values()))]


def _device(point: Point) -> DeviceOptions:
    precision = None if point["inference_precision"] == "default" else point["inference_precision"]
    own = {key: point[key] for key in ("device", "hint", "streams", "threads")}
    return DeviceOptions(**own, precision=precision)


def _case_name(entry: EngineEntry, model: BenchModel, point: Point) -> str:
    """`base-fp16 threads=1 batch=8`: what is not as by default, so that it does not depend on what else is measured."""
    who = [model.name] if entry.name == "openvino" else [entry.name, model.name]
    more = [entry.precision] if entry.precision else []
    more += [f"batch_size={entry.batch_size}"] if entry.batch_size else []
    defaults = BenchConfig()
    free = [axis for axis in AXES if axis != "batch" or not entry.batch_size]
    off = [f"{axis}={point[axis]}" for axis in free if point[axis] != getattr(defaults, axis)[0]]
    return " ".join([*who, *more, *off])


def _require_names_apart(cases: list[CaseSpec]) -> None:
    names = [case.name for case in cases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two different models are called {twice[0]}", "rename the folder of one of them")
