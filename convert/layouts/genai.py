"""The default layout: what openvino-genai's WhisperPipeline and optimum-intel's OVModelForSpeechSeq2Seq load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as BpeTokenizer

from ovw.artifact import names
from ovw.artifact.vocabulary import added_ids
from ovw.audio import SAMPLE_RATE
from ovw.audio.mel import HOP_LENGTH, N_FFT
from ovw.choices import TASKS
from ovw.control_tokens import END, NO_TIMESTAMPS, START, START_OF_PREV, token_of
from ovw.convert.layouts.export import Export
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.suppress import padding_tokens, suppress_tokens
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.convert.tokenizer_files import write_tokenizer, write_tokenizer_ir
from ovw.models import Dims
from ovw.transcribe.tokenizer import TIME_PRECISION

MAX_INITIAL_TIMESTAMP = round(1 / TIME_PRECISION)
"""One second, in timestamp tokens."""


def write_genai(folder: Path, export: Export) -> None:
    """Write every file of the layout but the manifest."""
    write_tokenizer_ir(folder, write_configs(folder, export.checkpoint))
    encoder, decoder = export.graphs()
    export.save_encoder(encoder, folder)
    export.save_decoder(export.frontend.stateful(), decoder, folder)


def write_configs(folder: Path, checkpoint: Checkpoint) -> dict[str, str]:
    """Write the tokenizer and the JSON files that belong to any layout; gives the tokenizer's boundary tokens."""
    tokenizer_json = build_tokenizer_json(checkpoint.dims, checkpoint.tokenizer_json)
    ends = write_tokenizer(folder, tokenizer_json)
    _write_json(folder / names.CONFIG, model_config(checkpoint.dims, tokenizer_json))
    _write_json(folder / names.GENERATION_CONFIG, generation_config(checkpoint, tokenizer_json))
    _write_json(folder / names.PREPROCESSOR_CONFIG, preprocessor_config(checkpoint.dims))
    return ends


def model_config(dims: Dims, tokenizer_json: str) -> dict[str, Any]:
    """`config.json` of transformers' Whisper."""
    ids = _control_ids(tokenizer_json)
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "is_encoder_decoder": True,
        "activation_function": "gelu",
        "d_model": dims.n_audio_state,
        "encoder_layers": dims.n_audio_layer,
        "encoder_attention_heads": dims.n_audio_head,
        "encoder_ffn_dim": 4 * dims.n_audio_state,
        "decoder_layers": dims.n_text_layer,
        "decoder_attention_heads": dims.n_text_head,
        "decoder_ffn_dim": 4 * dims.n_text_state,
        "max_source_positions": dims.n_audio_ctx,
        "max_target_positions": dims.n_text_ctx,
        "num_mel_bins": dims.n_mels,
        "vocab_size": dims.n_vocab,
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "use_cache": True,
        **_boundary_tokens(ids),
    }


def generation_config(checkpoint: Checkpoint, tokenizer_json: str) -> dict[str, Any]:
    """`generation_config.json`: the tokens that steer and end decoding, and the alignment heads."""
    dims, ids = checkpoint.dims, _control_ids(tokenizer_json)
    bpe = BpeTokenizer.from_str(tokenizer_json)
    config: dict[str, Any] = {
        **_boundary_tokens(ids),
        "alignment_heads": [list(pair) for pair in checkpoint.alignment_heads or dims.upper_half],
        "begin_suppress_tokens": [*bpe.encode(" ", add_special_tokens=False).ids, ids[END]],
        "suppress_tokens": suppress_tokens(bpe),
        "is_multilingual": checkpoint.multilingual,
        "max_initial_timestamp_index": MAX_INITIAL_TIMESTAMP,
        "max_length": dims.n_text_ctx,
        "no_timestamps_token_id": ids[NO_TIMESTAMPS],
        "prev_sot_token_id": ids[START_OF_PREV],
        "return_timestamps": False,
        **checkpoint.generation.as_config(steered=checkpoint.multilingual),
    }
    if padding := padding_tokens(bpe):  # a list of the checkpoint's own knows nothing of it
        config["suppress_tokens"] = sorted({*config["suppress_tokens"], *padding})
    if checkpoint.multilingual:
        language_tokens = (token_of(code) for code in checkpoint.can.languages)
        tasks = TASKS if checkpoint.can.translate else TASKS[:1]
        config["lang_to_id"] = {token: ids[token] for token in language_tokens if token in ids}
        config["task_to_id"] = {task: ids[token_of(task)] for task in tasks}
    return config


def preprocessor_config(dims: Dims) -> dict[str, Any]:
    """`preprocessor_config.json`; without it openvino-genai assumes 80 mels, whatever the model wants."""
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "chunk_length": dims.n_frames * HOP_LENGTH // SAMPLE_RATE,
        "feature_size": dims.n_mels,
        "hop_length": HOP_LENGTH,
        "n_fft": N_FFT,
        "n_samples": dims.n_frames * HOP_LENGTH,
        "nb_max_frames": dims.n_frames,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
        "sampling_rate": SAMPLE_RATE,
    }


def _boundary_tokens(ids: dict[str, int]) -> dict[str, int]:
    end = ids[END]
    return {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": ids[START]}


def _control_ids(tokenizer_json: str) -> dict[str, int]:
    return added_ids(json.loads(tokenizer_json))


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
