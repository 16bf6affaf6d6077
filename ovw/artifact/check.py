"""What can be said about an artifact without running it: files, hashes, ports and dimensions."""

from __future__ import annotations

import json
from pathlib import Path

from ovw.artifact import names
from ovw.artifact.hashing import file_sha256
from ovw.artifact.manifest import Manifest, read_manifest
from ovw.errors import OvwError

ENCODER_PORTS = ({"input_features"}, {"last_hidden_state"})
DECODER_PORTS = ({"input_ids", "encoder_hidden_states", "beam_idx"}, {"logits"})


def find_problems(folder: Path) -> list[str]:
    """Everything that is wrong with an artifact, each in one line; empty when it is whole."""
    try:
        manifest = read_manifest(folder)
    except OvwError as error:
        return [str(error)]
    return file_problems(folder, manifest) or graph_problems(folder, manifest) + config_problems(folder, manifest)


def file_problems(folder: Path, manifest: Manifest) -> list[str]:
    """Missing, truncated, altered and unlisted files."""
    problems = [f"{name}: not listed in the manifest" for name in names.GENAI_FILES if name not in manifest.files]
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
    """Ports and dimensions of the two IRs against the manifest."""
    import openvino as ov

    core, dims, problems = ov.Core(), manifest.dimensions(), []
    for stem, (inputs, outputs) in ((names.ENCODER, ENCODER_PORTS), (names.DECODER, DECODER_PORTS)):
        try:
            model = core.read_model(folder / f"{stem}.xml")
        except RuntimeError as error:
            problems.append(f"{stem}.xml: OpenVINO cannot read it: {str(error).splitlines()[-1]}")
            continue
        found = ({p.any_name for p in model.inputs}, {p.any_name for p in model.outputs})
        if found != (inputs, outputs):
            problems.append(f"{stem}.xml: ports {found}, expected {(inputs, outputs)}")
            continue
        port, axis, expected = (
            (model.input("input_features"), 1, dims.n_mels)
            if stem == names.ENCODER
            else (model.output("logits"), 2, dims.n_vocab)
        )
        seen = port.partial_shape[axis]
        if seen.is_dynamic or seen.get_length() != expected:
            problems.append(f"{stem}.xml: {port.any_name} has {seen} in axis {axis}, the manifest says {expected}")
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
        found = json.loads((folder / name).read_text(encoding="utf-8")).get(key)
        if found != value:
            problems.append(f"{name}: {key} is {found}, the manifest says {value}")
    return problems
