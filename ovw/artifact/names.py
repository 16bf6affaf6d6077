"""Names of an artifact's files and folder; `ovw.artifact.layouts` has the layouts.

`genai` is what openvino-genai and optimum-intel load as it is.
"""

from __future__ import annotations

DEFAULT_LAYOUT = "genai"

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

CHECKPOINT_WEIGHTS = (
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"
)  # fmt: skip
"""Of a folder of transformers, in the order in which they are looked for; an index names the files of the tensors."""

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


def ggml_stem(name: str) -> str:
    """The name of a model's ggml file without `.bin`, as whisper.cpp's own downloads are called."""
    return name if name.startswith("ggml-") else f"ggml-{name}"


def artifact_name(model: str, precision: str, layout: str) -> str:
    """The name of an artifact's folder: `base-fp16`, or `base-fp16-onnx` for a layout but the default."""
    return f"{model}-{precision}" + (f"-{layout}" if layout != DEFAULT_LAYOUT else "")
