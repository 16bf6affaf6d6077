"""Layouts of an artifact, its files and how its folder is called.

`genai` is what openvino-genai and optimum-intel load as it is.
"""

from __future__ import annotations

from pathlib import Path

from ovw.errors import OvwError

LAYOUTS = ("genai", "stateless", "whispercpp", "onnx")
DEFAULT_LAYOUT = "genai"
PRECISIONS = ("fp32", "fp16", "int8", "int8-ptq", "int4")
"""Of the stored weights; `int8-ptq` computes in int8 too."""

MANIFEST = "manifest.json"
ENCODER = "openvino_encoder_model"
DECODER = "openvino_decoder_model"
TOKENIZER_IR = "openvino_tokenizer"
DETOKENIZER_IR = "openvino_detokenizer"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
CONFIG = "config.json"
GENERATION_CONFIG = "generation_config.json"
PREPROCESSOR_CONFIG = "preprocessor_config.json"

TEXT_FILES = (TOKENIZER, TOKENIZER_CONFIG, CONFIG, GENERATION_CONFIG, PREPROCESSOR_CONFIG)

STATELESS_ENCODER = "whisper_encoder"
STATELESS_CROSS = "whisper_cross"
"""With static shapes only: the cross-attention keys and values of a window."""
STATELESS_DECODER = "whisper_decoder"

ONNX_ENCODER = "encoder.onnx"
ONNX_CROSS = "cross.onnx"
ONNX_DECODER = "decoder.onnx"

GGML_ENCODER_ENDING = "-encoder-openvino"
"""Suffix that whisper.cpp appends to the stem of a ggml file to find the encoder IR."""
GGML_CACHE_ENDING = f"{GGML_ENCODER_ENDING}-cache"
"""The folder of compiled kernels that whisper.cpp leaves beside it."""

GENAI_FILES = (
    *(f"{stem}.{end}" for stem in (ENCODER, DECODER, TOKENIZER_IR, DETOKENIZER_IR) for end in ("xml", "bin")),
    *TEXT_FILES,
)
"""Files of the `genai` layout beside the manifest."""


def required_files(layout: str, name: str) -> tuple[str, ...]:
    """Files of a layout beside the manifest.

    Args:
        layout: one of `LAYOUTS`.
        name: of the model; ggml files are called after it.
    """
    if layout == "stateless":
        stems = (STATELESS_ENCODER, STATELESS_DECODER)
        return (*(f"{stem}.{end}" for stem in stems for end in ("xml", "bin")), *TEXT_FILES)
    if layout == "whispercpp":
        encoder = ggml_stem(name) + GGML_ENCODER_ENDING
        return (f"{ggml_stem(name)}.bin", f"{encoder}.xml", f"{encoder}.bin")
    if layout == "onnx":
        graphs = (ONNX_ENCODER, ONNX_CROSS, ONNX_DECODER)
        return (*(f"{graph}{end}" for graph in graphs for end in ("", ".data")), *TEXT_FILES)
    return GENAI_FILES


def ggml_stem(name: str) -> str:
    """The name of a model's ggml file without `.bin`, as whisper.cpp's own downloads are called."""
    return name if name.startswith("ggml-") else f"ggml-{name}"


def encoder_file(folder: Path, layout: str) -> Path:
    """The encoder's IR of a folder.

    Raises:
        OvwError: there is none.
    """
    stems = {"genai": ENCODER, "stateless": STATELESS_ENCODER, "whispercpp": f"*{GGML_ENCODER_ENDING}"}
    found = sorted(folder.glob(f"{stems[layout]}.xml"))
    if not found:
        raise OvwError(f"{folder} holds no {stems[layout]}.xml", "convert again")
    return found[0]


def artifact_name(model: str, precision: str, layout: str) -> str:
    """The name of an artifact's folder: `base-fp16`, or `base-fp16-onnx` for a layout but the default."""
    return f"{model}-{precision}" + (f"-{layout}" if layout != DEFAULT_LAYOUT else "")


def split_name(folder_name: str) -> tuple[str, str, str]:
    """(model, precision, layout) of an artifact's folder name."""
    rest, _, last = folder_name.rpartition("-")
    layout = last if last in LAYOUTS else DEFAULT_LAYOUT
    stem = rest if last in LAYOUTS else folder_name
    known = next((p for p in PRECISIONS if stem.endswith(f"-{p}")), None)
    model, _, precision = (stem.removesuffix(f"-{known}"), "-", known) if known else stem.rpartition("-")
    return model, precision, layout
