"""The tokenizer of an artifact: `tokenizer.json` with every control token."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from ovw.artifact.vocabulary import added_ids
from ovw.control_tokens import CONTROL_TOKENS, END, NO_TIMESTAMPS, START, TIMESTAMPS, control_ids, spellings_of
from ovw.errors import OvwError, quoted, reason
from ovw.models import Dims
from ovw.parsing import from_json
from ovw.transcribe.bpe import load_bpe
from ovw.transcribe.tokenizer import TIME_PRECISION

TIMESTAMP_TOKENS = tuple(f"<|{i * TIME_PRECISION:.2f}|>" for i in range(TIMESTAMPS))
OFFICIAL_VOCABULARIES = (51864, 51865, 51866)
PADDING = "<|padding_"
MAX_PADDING = 128


def build_tokenizer_json(dims: Dims, given: str | None) -> str:
    """A complete Hugging Face tokenizer for a Whisper vocabulary.

    Packaged tokenizers of official models are known to lack timestamp tokens, a merge or a language, so one that holds
    OpenAI's vocabulary gives way to the one built from OpenAI's ranks.

    Args:
        dims: of the model.
        given: the source's own tokenizer, kept (with missing timestamps added) when its vocabulary is another one.

    Raises:
        OvwError: the tokenizer is damaged, or does not fit the model's vocabulary.
    """
    official = _from_ranks(dims) if dims.n_vocab in OFFICIAL_VOCABULARIES else None
    try:
        tokenizer = _choose(from_json(given) if given else None, official)
        if tokenizer is None:
            if dims.n_vocab + len(TIMESTAMP_TOKENS) in OFFICIAL_VOCABULARIES:
                raise _timestamps_are_missing(dims.n_vocab, "no")
            raise OvwError(
                f"a vocabulary of {dims.n_vocab} tokens is not one of OpenAI's",
                "give weights with their tokenizer.json",
            )
        _require_timestamps(tokenizer, dims.n_vocab)
        _complete(tokenizer)
        if tokenizer is not official:
            _pad(tokenizer, dims.n_vocab)
        _check_ids(tokenizer, dims.n_vocab)
        if tokenizer is not official:
            tokenizer |= dict.fromkeys(("padding", "truncation"))  # Whisper's has neither
            load_bpe(json.dumps(tokenizer))
    except OvwError:
        raise
    except Exception as error:  # tokenizers raises nothing narrower
        raise OvwError(
            f"the tokenizer of the weights cannot be used: {reason(error)}", "fetch its tokenizer.json again"
        ) from error
    return json.dumps(tokenizer, ensure_ascii=False)


def _choose(own: dict[str, Any] | None, official: dict[str, Any] | None) -> dict[str, Any] | None:
    return official if official and (own is None or _means_official(own, official)) else own


def _means_official(own: dict[str, Any], official: dict[str, Any]) -> bool:
    """Whether a tokenizer is meant to be OpenAI's: the same text tokens, and no control token in another place.

    One that is whole is believed even so: a token added to the vocabulary of 51865 makes the size of large-v3's.
    """
    words = [{t: i for t, i in x["model"]["vocab"].items() if t != END} for x in (own, official)]
    known, found = added_ids(official), added_ids(own)
    moved = any(known.get(name, token) != token for name, token in found.items())
    whole = found.keys() >= set(TIMESTAMP_TOKENS)
    return words[0] == words[1] and not (moved and whole)


def _require_timestamps(tokenizer: dict[str, Any], n_vocab: int) -> None:
    """Refuse a vocabulary without timestamp tokens: windows are cut and subtitles timed by them."""
    own = added_ids(tokenizer)
    missing = sum(name not in own for name in TIMESTAMP_TOKENS)
    if missing and n_vocab - (_highest(tokenizer) + 1) < missing - MAX_PADDING:
        found = len(TIMESTAMP_TOKENS) - missing
        raise _timestamps_are_missing(n_vocab, f"{found} of {len(TIMESTAMP_TOKENS)}" if found else "no")


def _timestamps_are_missing(n_vocab: int, found: str) -> OvwError:
    return OvwError(
        f"the model's vocabulary of {n_vocab} tokens has {found} timestamp tokens, by which subtitles are timed",
        f"give a Whisper model that was trained with them (their {TIMESTAMPS} tokens follow {NO_TIMESTAMPS})",
    )


def _pad(tokenizer: dict[str, Any], n_vocab: int) -> None:
    """Name the ids that fill a vocabulary up to a round number, as trainers leave them; they are never sampled."""
    following = _highest(tokenizer) + 1
    if n_vocab not in OFFICIAL_VOCABULARIES and n_vocab - following <= MAX_PADDING:
        ids = range(following, n_vocab)
        tokenizer["added_tokens"] += [_added(i, f"{PADDING}{i}|>", special=True) for i in ids]


def _check_ids(tokenizer: dict[str, Any], n_vocab: int) -> None:
    """Refuse a tokenizer that is not Whisper's or not this model's."""
    if (highest := _highest(tokenizer)) + 1 != n_vocab:
        raise OvwError(
            f"the tokenizer ends at token {highest}, the model's vocabulary has {n_vocab}",
            "give weights together with their own tokenizer",
        )
    ids = added_ids(tokenizer)
    _check_twins(tokenizer["model"]["vocab"] | ids)
    wanted = [END, START, *CONTROL_TOKENS, NO_TIMESTAMPS]
    missing = [name for name in wanted if not any(spelling in ids for spelling in spellings_of(name))]
    if missing:
        raise OvwError(f"the tokenizer has no {', '.join(missing)}", "give weights of a Whisper model")
    begin = ids[NO_TIMESTAMPS] + 1
    if any(ids.get(name) != begin + i for i, name in enumerate(TIMESTAMP_TOKENS)):
        raise OvwError(
            f"the timestamp tokens do not follow {NO_TIMESTAMPS}", "give weights with Whisper's timestamp tokens"
        )


def _check_twins(ids: Mapping[str, int]) -> None:
    """Refuse two tokens with one id."""
    holders: dict[int, str] = {}
    for name, token in ids.items():
        if (other := holders.setdefault(token, name)) != name or token < 0:
            raise OvwError(f"the tokenizer gives id {token} to {quoted(other)} and {quoted(name)}", "fetch it again")


def _highest(tokenizer: dict[str, Any]) -> int:
    added = (token["id"] for token in tokenizer["added_tokens"])
    return int(max(max(tokenizer["model"]["vocab"].values()), *added))


def _added(token: int, content: str, *, special: bool) -> dict[str, Any]:
    # timestamps are not "special": transformers takes the last special token for the one before <|0.00|>
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token, "content": content, **flags, "special": special}


def _is_control(name: str) -> bool:
    return name.startswith("<|") and name not in TIMESTAMP_TOKENS


def _complete(tokenizer: dict[str, Any]) -> None:
    """Add the timestamp tokens that some packaged tokenizers lack."""
    known = {token["content"] for token in tokenizer["added_tokens"]}
    following = max(token["id"] for token in tokenizer["added_tokens"]) + 1
    missing = [t for t in TIMESTAMP_TOKENS if t not in known]
    tokenizer["added_tokens"] += [_added(following + i, t, special=False) for i, t in enumerate(missing)]


def _from_ranks(dims: Dims) -> dict[str, Any]:
    """A byte-level BPE tokenizer from the rank file that ships with openai-whisper."""
    vocab, merged = _openai_bpe("multilingual" if dims.multilingual else "gpt2")
    return byte_level(vocab, merged, control_ids(dims))


@cache
def _openai_bpe(name: str) -> tuple[dict[str, int], list[str]]:
    """OpenAI's text tokens and merges in GPT-2's spelling; found once for all artifacts, which takes a second."""
    ranks, spelling = read_ranks(name), byte_spelling()

    def spell(token: bytes) -> str:
        return "".join(spelling[b] for b in token)

    vocab = {spell(token): rank for token, rank in ranks.items()}
    return vocab, [f"{spell(a)} {spell(b)}" for a, b in merges(ranks)]


def byte_level(vocab: Mapping[str, int], merged: Sequence[str], added: Mapping[str, int]) -> dict[str, Any]:
    """A Hugging Face tokenizer of GPT-2's kind, which Whisper's are.

    Args:
        vocab: text tokens in GPT-2's spelling of bytes.
        merged: pairs of tokens, the earliest merge first.
        added: tokens that stand outside of the merges: control tokens, timestamps.
    """
    ordered = sorted(added, key=added.__getitem__)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(added[name], name, special=_is_control(name)) for name in ordered],
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
            "vocab": dict(vocab),
            "merges": list(merged),
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
    ids = {word: token for word, token in from_json(given)["model"]["vocab"].items() if word != END}
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
