"""File names of the `genai` layout, the one that openvino-genai and optimum-intel load as it is."""

from __future__ import annotations

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

GENAI_FILES = (
    *(f"{stem}.{end}" for stem in (ENCODER, DECODER, TOKENIZER_IR, DETOKENIZER_IR) for end in ("xml", "bin")),
    TOKENIZER,
    TOKENIZER_CONFIG,
    CONFIG,
    GENERATION_CONFIG,
    PREPROCESSOR_CONFIG,
)
"""What must be there beside the manifest."""
