"""Checks of an artifact without running it: files, hashes, ports and dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovw.artifact import names
from ovw.artifact.generation import ALLOWED, SUPPRESSED
from ovw.artifact.hashing import file_sha256
from ovw.artifact.ir_names import cache_states
from ovw.artifact.layouts import graphs_of, layout_row
from ovw.artifact.manifest import FileEntry, Manifest, is_as_written, read_manifest, show_range
from ovw.control_tokens import token_of
from ovw.errors import OvwError, printable, quoted, reason
from ovw.parsing import load_json

if TYPE_CHECKING:
    import openvino as ov


MASKS = "the mask of self attention has no batch axis, which OpenVINO misreads for rows after the first in bf16"


def find_problems(folder: Path) -> list[str]:
    """Everything that is wrong with an artifact, each in one line; empty when it is whole."""
    try:
        manifest = read_manifest(folder)
    except OvwError as error:
        return [str(error)]
    if not is_as_written(folder):
        return [f"{names.MANIFEST}: was changed after it was written"]
    return (
        file_problems(folder, manifest)
        or description_problems(manifest)
        or graph_problems(folder, manifest) + config_problems(folder, manifest)
        or mask_problems(folder)
    )


def description_problems(manifest: Manifest) -> list[str]:
    """Values of the manifest that no model has."""
    dims, heads = manifest.dims, manifest.alignment_heads or ()
    problems = [f"{names.MANIFEST}: no languages"] if not manifest.languages else []
    problems += [
        f"{names.MANIFEST}: alignment head {layer}, {head} of a decoder with {dims['n_text_layer']} layers of "
        f"{dims['n_text_head']} heads"
        for layer, head in heads
        if not manifest.dimensions().has_head(layer, head)
    ]
    return problems


def mask_problems(folder: Path) -> list[str]:
    """Decoders whose masks are misread in batches; ovw repairs them in memory, other programs do not."""
    from ovw.artifact.masks import decoders_without_batch

    return [f"{name}: {MASKS}" for name in decoders_without_batch(folder)]


def file_problems(folder: Path, manifest: Manifest) -> list[str]:
    """Missing, truncated, altered, unlisted and foreign files."""
    required = layout_row(manifest.layout).files(manifest.name)
    problems = [f"{name}: not listed in the manifest" for name in required if name not in manifest.files]
    here = (p.relative_to(folder) for p in folder.rglob("*") if not p.is_dir())
    kept = {p.as_posix() for p in here if not p.parts[0].endswith(names.GGML_CACHE_ENDING)}
    foreign = sorted(kept - {names.MANIFEST, *manifest.files, *required})
    problems += [f"{name}: does not belong here, the manifest does not list it" for name in foreign]
    for name, entry in manifest.files.items():
        path = folder / name
        change = _change(path, entry) if path.is_file() else "missing"
        problems += [f"{name}: {change}"] if change else []
    return problems


def _change(path: Path, entry: FileEntry) -> str:
    """The difference of a file from what the manifest lists; empty where there is none."""
    if (size := path.stat().st_size) != entry.bytes:
        return f"{size} bytes, the manifest has {entry.bytes}"
    found = file_sha256(path)
    return "" if found == entry.sha256 else f"SHA-256 {found}, the manifest has {entry.sha256}"


def require_unchanged(folder: Path, manifest: Manifest, name: str) -> None:
    """Refuse a file that is not the one that the manifest lists; those of other programs have no hash.

    Raises:
        OvwError: another size, or another hash.
    """
    entry, path = manifest.files.get(name), folder / name
    if entry and entry.sha256 and path.is_file() and _change(path, entry):
        hint = f"ovw verify {folder} lists what is wrong; convert again with --force"
        raise OvwError(f"{path} is not the file that was converted", hint)


def graph_problems(folder: Path, manifest: Manifest) -> list[str]:
    """Ports, dimensions and bounds of the graphs against the manifest."""
    import openvino as ov

    core, problems = ov.Core(), []
    for graph in graphs_of(manifest):
        try:
            model = core.read_model(folder / graph.file)
        except RuntimeError as error:
            problems.append(f"{graph.file}: OpenVINO cannot read it: {reason(error)}")
            continue
        found = ({p.any_name for p in model.inputs}, {p.any_name for p in model.outputs})
        if found != (set(graph.inputs), set(graph.outputs)):
            problems.append(f"{graph.file}: ports {found}, expected {(set(graph.inputs), set(graph.outputs))}")
            continue
        ports = {port.any_name: port.partial_shape for port in (*model.inputs, *model.outputs)}
        for (port, axis), expected in graph.sizes.items():
            seen = (ports[port][axis].get_min_length(), ports[port][axis].get_max_length())
            if seen != expected:
                promised = show_range(*expected)
                problems.append(
                    f"{graph.file}: {port} has {ports[port][axis]} in axis {axis}, the manifest has {promised}"
                )
        problems += _inner_problems(graph.file, model, manifest) if graph.file.endswith(".xml") else []
    return problems


def _inner_problems(file: str, model: ov.Model, manifest: Manifest) -> list[str]:
    """The states of an IR, and its `rt_info`, against the manifest."""
    states = {variable.info.variable_id for variable in model.get_variables()}
    expected = set(cache_states(manifest.dimensions().n_text_layer)) if file == f"{names.DECODER}.xml" else set()
    problems = [f"{file}: has no state {name}" for name in sorted(expected - states)[:1]]
    problems += [f"{file}: has a state {name} of no known use" for name in sorted(states - expected)[:1]]
    facts = {"name": manifest.name, "precision": manifest.precision, "shapes": str(manifest.shapes)}
    for key, value in facts.items():
        path = ["ovw", key]
        found = model.get_rt_info(path).astype(str) if model.has_rt_info(path) else "missing"
        if found != value:
            problems.append(f"{file}: rt_info {key} is {found}, the manifest has {value}")
    return problems


def config_problems(folder: Path, manifest: Manifest) -> list[str]:
    """The JSON files that consumers read, against the manifest."""
    heads = [list(pair) for pair in manifest.alignment_heads or ()]
    expected: dict[str, dict[str, object]] = {
        names.CONFIG: {"vocab_size": manifest.dims["n_vocab"], "decoder_layers": manifest.dims["n_text_layer"]},
        names.PREPROCESSOR_CONFIG: {"feature_size": manifest.dims["n_mels"]},
        names.GENERATION_CONFIG: ({"is_multilingual": True} if len(manifest.languages) > 1 else {})
        | ({"alignment_heads": heads} if heads else {}),
    }
    problems = []
    for name, values in expected.items():
        if name not in manifest.files:
            continue
        try:
            found = load_json(folder / name)
        except (OSError, ValueError) as error:
            problems.append(f"{name}: cannot be read: {reason(error)}")
            continue
        if not isinstance(found, dict):
            problems.append(f"{name}: holds a {type(found).__name__}, expected an object")
            continue
        problems += _value_problems(name, found, manifest.dims["n_vocab"]) if name == names.GENERATION_CONFIG else []
        for key, value in values.items():
            if found.get(key) != value:
                problems.append(f"{name}: {key} is {found.get(key)}, the manifest has {value}")
        problems += _language_problems(found, manifest) if name == names.GENERATION_CONFIG else []
    return problems


def _language_problems(config: dict[str, Any], manifest: Manifest) -> list[str]:
    """Languages of the manifest that other programs would not find."""
    known = config.get("lang_to_id")
    if not isinstance(known, dict):
        return []
    missing = sorted({token_of(code) for code in manifest.languages} - known.keys())
    return [f"{names.GENERATION_CONFIG}: lang_to_id lacks {token}, a language of the manifest" for token in missing[:1]]


def _value_problems(name: str, config: dict[str, Any], n_vocab: int) -> list[str]:
    """Values of the generation config that decoding could not use, and those that an artifact does not lack."""
    problems = []
    for key, (fits, allowed) in ALLOWED.items():
        value: Any = config.get(key)
        if key in SUPPRESSED:
            if not fits(value) or not all(0 <= token < n_vocab for token in value):
                problems.append(f"{name}: {key} is no list of token ids below {n_vocab}")
        elif key == "is_multilingual":
            problems += [] if fits(value) else [f"{name}: {key} is {printable(str(value))}, expected {allowed}"]
        elif value is not None and not fits(value):
            problems.append(f"{name}: {key} is {quoted(value)}, expected {allowed}")
    language, known = config.get("language"), config.get("lang_to_id") or ()
    if isinstance(language, str) and language not in known:
        problems.append(f"{name}: language is {language!r}, known are {', '.join(known) or 'none'}")
    return problems
