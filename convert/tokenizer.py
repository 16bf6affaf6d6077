"""The tokenizer of an artifact: `tokenizer.json` with every control token, and its IR for openvino-genai."""

from __future__ import annotations

import base64
import json
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from ovw.artifact import names
from ovw.errors import OvwError
from ovw.models import Dims, languages

TIMESTAMPS = tuple(f"<|{i * 0.02:.2f}|>" for i in range(1501))


OFFICIAL_VOCABULARIES = (51864, 51865, 51866)


def build_tokenizer_json(dims: Dims, given: str | None) -> str:
    """A complete Hugging Face tokenizer for a Whisper vocabulary.

    Packaged tokenizers of official models are known to lack timestamp tokens, a merge or a language, so one that holds
    OpenAI's vocabulary gives way to the one built from OpenAI's ranks.

    Args:
        dims: of the model.
        given: the source's own tokenizer, kept (with missing timestamps added) when its vocabulary is another one.

    Raises:
        OvwError: the tokenizer does not fit the model's vocabulary.
    """
    own = json.loads(given) if given else None
    official = _from_ranks(dims) if dims.n_vocab in OFFICIAL_VOCABULARIES else None
    tokenizer = official if official and (own is None or _same_words(own, official)) else own
    if tokenizer is None:
        raise OvwError(
            f"a vocabulary of {dims.n_vocab} tokens is not one of OpenAI's", "give weights with their tokenizer.json"
        )
    _complete(tokenizer)
    highest = max(max(tokenizer["model"]["vocab"].values()), *(t["id"] for t in tokenizer["added_tokens"]))
    if highest + 1 != dims.n_vocab:
        raise OvwError(
            f"the tokenizer ends at token {highest}, the model's vocabulary has {dims.n_vocab}",
            "give weights together with their own tokenizer",
        )
    return json.dumps(tokenizer, ensure_ascii=False)


def _same_words(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two tokenizers give the same ids to all text tokens."""
    words = [{t: i for t, i in x["model"]["vocab"].items() if t != "<|endoftext|>"} for x in (a, b)]
    return words[0] == words[1]


def control_names(n_languages: int) -> list[str]:
    """Whisper's control tokens in the order of their ids, without the timestamps."""
    tongues = [f"<|{code}|>" for code in list(languages())[:n_languages]]
    tasks = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    return ["<|endoftext|>", "<|startoftranscript|>", *tongues, *tasks]


def _added(token: int, content: str, *, special: bool) -> dict[str, Any]:
    # timestamps are not "special": transformers takes the last special token for the one before <|0.00|>
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token, "content": content, **flags, "special": special}


def _complete(tokenizer: dict[str, Any]) -> None:
    """Add the timestamp tokens that some packaged tokenizers lack."""
    known = {token["content"] for token in tokenizer["added_tokens"]}
    following = max(token["id"] for token in tokenizer["added_tokens"]) + 1
    missing = [t for t in TIMESTAMPS if t not in known]
    tokenizer["added_tokens"] += [_added(following + i, t, special=False) for i, t in enumerate(missing)]


def _from_ranks(dims: Dims) -> dict[str, Any]:
    """A byte-level BPE tokenizer from the rank file that ships with openai-whisper."""
    ranks = read_ranks("multilingual" if dims.multilingual else "gpt2")
    spelling = byte_spelling()

    def spell(token: bytes) -> str:
        return "".join(spelling[b] for b in token)

    controls = control_names(dims.n_languages)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(len(ranks) + i, name, special=True) for i, name in enumerate(controls)],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {spell(token): rank for token, rank in ranks.items()},
            "merges": [f"{spell(a)} {spell(b)}" for a, b in merges(ranks)],
        },
    }


def read_ranks(name: str) -> dict[bytes, int]:
    """OpenAI's BPE ranks (`gpt2` or `multilingual`), token bytes -> id."""
    spec = find_spec("whisper")  # found, not imported: the package would bring torch and numba along
    if spec is None or not spec.submodule_search_locations:
        raise OvwError("OpenAI's vocabulary is missing", "pip install 'ovw[convert]'")
    path = Path(spec.submodule_search_locations[0]) / "assets" / f"{name}.tiktoken"
    pairs = (line.split() for line in path.read_bytes().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def text_vocabulary(dims: Dims, given: str | None) -> list[bytes]:
    """The text tokens of a model as bytes, in the order of their ids.

    Args:
        dims: of the model.
        given: the source's own tokenizer; OpenAI's vocabulary if there is none.
    """
    if given is None:
        return list(read_ranks("multilingual" if dims.multilingual else "gpt2"))
    ids = {word: token for word, token in json.loads(given)["model"]["vocab"].items() if word != "<|endoftext|>"}
    bytes_of = {character: byte for byte, character in byte_spelling().items()}
    words = [b""] * (max(ids.values()) + 1)
    for word, token in ids.items():
        words[token] = bytes(bytes_of[character] for character in word)
    return words


def merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The merge that made each token: the two parts that byte-pair encoding with only earlier merges leaves of it."""
    found = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            left, right = _split(token, ranks, rank)
            found.append((left, right))
    return found


def _split(token: bytes, ranks: dict[bytes, int], below: int) -> list[bytes]:
    parts = [bytes([b]) for b in token]
    while len(parts) > 2:
        candidates = ((ranks.get(a + b, below), i) for i, (a, b) in enumerate(pairwise(parts)))
        rank, i = min(candidates)
        if rank >= below:
            break
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts


def byte_spelling() -> dict[int, str]:
    """GPT-2's printable stand-in for every byte: itself where printable, else a character from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def write_tokenizer(folder: Path, tokenizer_json: str) -> dict[str, str]:
    """Write `tokenizer.json` and its transformers config; gives the boundary tokens."""
    (folder / names.TOKENIZER).write_text(tokenizer_json, encoding="utf-8")
    ends = dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), "<|endoftext|>")
    config = {"tokenizer_class": "WhisperTokenizer", "processor_class": "WhisperProcessor", "errors": "replace"}
    text = json.dumps({**config, **ends, "model_max_length": 1024, "add_prefix_space": False}, indent=2)
    (folder / names.TOKENIZER_CONFIG).write_text(text + "\n", encoding="utf-8")
    return ends


def write_tokenizer_ir(folder: Path, ends: dict[str, str]) -> None:
    """Write the folder's tokenizer and detokenizer as IR."""
    import openvino as ov
    from openvino_tokenizers import convert_tokenizer
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_file=str(folder / names.TOKENIZER), **ends)
    tokenizer, detokenizer = convert_tokenizer(fast, with_detokenizer=True, clean_up_tokenization_spaces=False)
    ov.save_model(tokenizer, folder / f"{names.TOKENIZER_IR}.xml", compress_to_fp16=False)
    ov.save_model(detokenizer, folder / f"{names.DETOKENIZER_IR}.xml", compress_to_fp16=False)
