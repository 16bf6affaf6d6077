"""The files of a tokenizer: for transformers, and as IR for openvino-genai."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ovw.artifact import names
from ovw.artifact.vocabulary import added_ids
from ovw.control_tokens import END, NO_TIMESTAMPS
from ovw.parsing import from_json
from ovw.scratch import foreign_scratch


def write_tokenizer(folder: Path, tokenizer_json: str) -> dict[str, str]:
    """Write `tokenizer.json` and its transformers config; gives the boundary tokens."""
    (folder / names.TOKENIZER).write_text(tokenizer_json, encoding="utf-8")
    ends = dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), END)
    config = {"tokenizer_class": "WhisperTokenizer", "processor_class": "WhisperProcessor", "errors": "replace", **ends}
    special = {"additional_special_tokens": _special(from_json(tokenizer_json))}
    text = json.dumps({**config, **special, "model_max_length": 1024, "add_prefix_space": False}, indent=2)
    (folder / names.TOKENIZER_CONFIG).write_text(text + "\n", encoding="utf-8")
    return ends


def _special(tokenizer: dict[str, Any]) -> list[str]:
    """Control tokens but the end, <|notimestamps|> last: transformers counts timestamps from behind the last one."""
    last = added_ids(tokenizer)[NO_TIMESTAMPS]
    before = (token for token in tokenizer["added_tokens"] if token["special"] and token["id"] <= last)
    return [token["content"] for token in sorted(before, key=lambda token: token["id"]) if token["content"] != END]


def write_tokenizer_ir(folder: Path, ends: dict[str, str]) -> None:
    """Write the folder's tokenizer and detokenizer as IR."""
    import openvino as ov
    from openvino_tokenizers import convert_tokenizer
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_file=str(folder / names.TOKENIZER), **ends)
    with foreign_scratch():
        tokenizer, detokenizer = convert_tokenizer(fast, with_detokenizer=True, clean_up_tokenization_spaces=False)
    ov.save_model(tokenizer, folder / f"{names.TOKENIZER_IR}.xml", compress_to_fp16=False)
    ov.save_model(detokenizer, folder / f"{names.DETOKENIZER_IR}.xml", compress_to_fp16=False)
