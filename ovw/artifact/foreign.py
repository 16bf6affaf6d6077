"""OpenVINO Whisper folders that other programs exported: facts from their configs, as a manifest in memory.

Exports of optimum-intel and the repositories of the hub that hold one have the files of the genai layout and no
manifest. Nothing is known of how such a folder was made, so it is `unverified`: its graphs run as they are, and
`ovw verify --against` compares them with a checkpoint.
"""

from __future__ import annotations

import re
from pathlib import Path

from ovw.artifact import names
from ovw.artifact.generation import read_generation
from ovw.artifact.manifest import SCHEMA_VERSION, FileEntry, Manifest, Shapes, Source
from ovw.artifact.vocabulary import added_ids
from ovw.control_tokens import END, ENGLISH_END, code_of
from ovw.errors import DAMAGE, OvwError, quoted, reason
from ovw.home import real_path
from ovw.models import CONFIG_KEYS, Dims, languages
from ovw.parsing import load_object

UNVERIFIED = "unverified"
"""The kind of the source, and the frontend, of such a folder."""
ENCODER_XML, DECODER_XML = f"{names.ENCODER}.xml", f"{names.DECODER}.xml"
WITH_PAST = "openvino_decoder_with_past_model.xml"
STATEFUL = "optimum-cli export openvino --task automatic-speech-recognition-with-past makes a stateful decoder"
STATE = b'type="ReadValue"'
PACKED = re.compile(rb'type="Const"[^/]*/?>\s*<data element_type="(u8|i8|u4|i4)"')
FEWEST_PACKED = 8
"""Packed constants from which on a graph has compressed weights; shapes and tables may be small integers too."""


def is_foreign(folder: Path) -> bool:
    """Whether a folder has the graphs of a Whisper model and no manifest."""
    graphs = (ENCODER_XML, DECODER_XML, names.CONFIG)
    return not (folder / names.MANIFEST).exists() and all((folder / name).is_file() for name in graphs)


def foreign_manifest(folder: Path) -> Manifest:
    """A description of such a folder.

    Raises:
        OvwError: a file is missing or damaged, it is another model, or its decoder has no state.
    """
    if not (has_state(folder) or (folder / WITH_PAST).is_file()):
        raise OvwError(f"{folder} has a decoder without a state, and no {WITH_PAST}", STATEFUL)
    config, generation = load_object(folder / names.CONFIG), read_generation(folder)
    if config.get("model_type") != "whisper":
        raise OvwError(f"{folder} holds a model of type {quoted(config.get('model_type'))}, not whisper")
    if not (folder / names.TOKENIZER).is_file():
        raise OvwError(f"{folder} has no {names.TOKENIZER}", "take it from the repository of the checkpoint")
    try:
        dims = Dims(**{name: config[key] for name, key in CONFIG_KEYS.items()})
        if problems := dims.problems():
            raise ValueError("; ".join(problems))
        heads = dims.usable_heads([(layer, head) for layer, head in generation.get("alignment_heads") or ()])
        complete = generation.get("is_multilingual") is False or {"is_multilingual", "lang_to_id"} <= generation.keys()
        tokens = {} if complete else added_ids(load_object(folder / names.TOKENIZER))
        known = [code_of(token) for token in generation.get("lang_to_id") or tokens]
        multilingual = bool(generation.get("is_multilingual", tokens.get(END) != ENGLISH_END))
        return Manifest(
            schema_version=SCHEMA_VERSION,
            name=Path(str(config.get("_name_or_path") or real_path(folder).name)).name,
            layout=names.DEFAULT_LAYOUT,
            precision=_precision(folder),
            compression=None,
            frontend=UNVERIFIED,
            source=Source(kind=UNVERIFIED, reference=real_path(folder).name, sha256=None, tensors_sha256=""),
            dims={name: getattr(dims, name) for name in CONFIG_KEYS},
            languages=[code for code in known if code in languages()] if multilingual else ["en"],
            translate=multilingual,
            alignment_heads=heads,
            shapes=Shapes(
                kind="dynamic",
                batch=(1, -1),
                tokens=(1, dims.n_text_ctx),
                cache=(0, dims.n_text_ctx),
                frames=(dims.n_frames, dims.n_frames),
            ),
            parity=None,
            golden=None,
            tools={},
            created="",
            files={path.name: FileEntry(bytes=path.stat().st_size, sha256="") for path in _files(folder)},
        )
    except DAMAGE as error:
        raise OvwError(f"{folder}: {names.CONFIG} or {names.GENERATION_CONFIG} is damaged: {reason(error)}") from error


def has_state(folder: Path) -> bool:
    """Whether the decoder of such a folder keeps its cache inside."""
    return STATE in (folder / DECODER_XML).read_bytes()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _precision(folder: Path) -> str:
    """The precision of the decoder's weights, by the types of its constants."""
    graph = (folder / f"{names.DECODER}.xml").read_bytes()
    packed = [kind.decode() for kind in PACKED.findall(graph)]
    if len(packed) >= FEWEST_PACKED:
        return "int4" if any(kind.endswith("4") for kind in packed) else "int8"
    return "fp16" if graph.count(b'element_type="f16"') >= FEWEST_PACKED else "fp32"
