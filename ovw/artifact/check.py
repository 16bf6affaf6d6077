"""What can be said about an artifact without running it: files, hashes, ports and dimensions."""

from __future__ import annotations

import json
from pathlib import Path

from ovw.artifact import names
from ovw.artifact.graphs import graphs_of
from ovw.artifact.hashing import file_sha256
from ovw.artifact.manifest import Manifest, read_manifest, show_range
from ovw.errors import OvwError


def find_problems(folder: Path) -> list[str]:
    """Everything that is wrong with an artifact, each in one line; empty when it is whole."""
    try:
        manifest = read_manifest(folder)
    except OvwError as error:
        return [str(error)]
    return file_problems(folder, manifest) or graph_problems(folder, manifest) + config_problems(folder, manifest)


def file_problems(folder: Path, manifest: Manifest) -> list[str]:
    """Missing, truncated, altered and unlisted files."""
    required = names.required_files(manifest.layout, manifest.name)
    problems = [f"{name}: not listed in the manifest" for name in required if name not in manifest.files]
    for name, entry in manifest.files.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name}: missing")
        elif path.stat().st_size != entry.bytes:
            problems.append(f"{name}: {path.stat().st_size} bytes, the manifest says {entry.bytes}")
        elif (found := file_sha256(path)) != entry.sha256:
            problems.append(f"{name}: SHA-256 {found}, the manifest says {entry.sha256}")
    return problems


def graph_problems(folder: Path, manifest: Manifest) -> list[str]:
    """Ports, dimensions and bounds of the graphs against the manifest."""
    import openvino as ov

    core, problems = ov.Core(), []
    for graph in graphs_of(manifest):
        try:
            model = core.read_model(folder / graph.file)
        except RuntimeError as error:
            problems.append(f"{graph.file}: OpenVINO cannot read it: {str(error).splitlines()[-1]}")
            continue
        found = ({p.any_name for p in model.inputs}, {p.any_name for p in model.outputs})
        if found != (set(graph.inputs), set(graph.outputs)):
            problems.append(f"{graph.file}: ports {found}, expected {(set(graph.inputs), set(graph.outputs))}")
            continue
        ports = {port.any_name: port.partial_shape for port in (*model.inputs, *model.outputs)}
        for (port, axis), expected in graph.sizes.items():
            seen = (ports[port][axis].get_min_length(), ports[port][axis].get_max_length())
            if seen != expected:
                says = show_range(*expected)
                problems.append(
                    f"{graph.file}: {port} has {ports[port][axis]} in axis {axis}, the manifest says {says}"
                )
    return problems


def config_problems(folder: Path, manifest: Manifest) -> list[str]:
    """The JSON files that consumers read, against the manifest."""
    expected = {
        names.CONFIG: ("vocab_size", manifest.dims["n_vocab"]),
        names.PREPROCESSOR_CONFIG: ("feature_size", manifest.dims["n_mels"]),
        names.GENERATION_CONFIG: ("is_multilingual", manifest.dimensions().multilingual),
    }
    problems = []
    for name, (key, value) in expected.items():
        if name not in manifest.files:
            continue
        found = json.loads((folder / name).read_text(encoding="utf-8")).get(key)
        if found != value:
            problems.append(f"{name}: {key} is {found}, the manifest says {value}")
    return problems
