"""Tokenizers of a checkpoint: openai-whisper's own, whatever they came from."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.tiny_whisper import TINY, TINY_EN
from tokenizers import Tokenizer as BpeTokenizer
from transformers import WhisperTokenizer
from whisper.tokenizer import get_tokenizer

from ovw.convert.sources.wheel import find_wheels, read_wheels
from ovw.convert.suppress import suppress_tokens
from ovw.convert.tokenizer import TIMESTAMP_TOKENS, build_tokenizer_json
from ovw.convert.tokenizer_files import write_tokenizer
from ovw.errors import OvwError
from ovw.models import Dims, find_size


@pytest.mark.parametrize("size", ["base", "tiny.en", "large-v3"])
def test_tokenizer_from_ranks_is_whispers(size: str) -> None:
    dims = find_size(size).dims
    ours = BpeTokenizer.from_str(build_tokenizer_json(dims, None))
    theirs = get_tokenizer(dims.multilingual, num_languages=dims.n_languages)
    text = " Hello — wörld! 日本語 ♪ 3,000 it's\n\ttab 😀 Здравствуйте   spaces"
    assert ours.encode(text, add_special_tokens=False).ids == theirs.encode(text)
    assert all(ours.token_to_id(name) == token for name, token in theirs.special_tokens.items())
    assert ours.get_vocab_size() == dims.n_vocab
    controls = (theirs.transcribe, theirs.translate, theirs.sot, theirs.sot_prev, theirs.sot_lm, theirs.no_speech)
    assert suppress_tokens(ours) == sorted({*theirs.non_speech_tokens, *controls})


@pytest.mark.weights
@pytest.mark.parametrize("size", ["base", "tiny.en"])
def test_packaged_tokenizers_are_mended(size: str) -> None:
    info = find_size(size)
    wheels = find_wheels(info)
    assert wheels
    given = read_wheels(wheels).tokenizer_json
    assert given
    assert "<|29.98|>" not in given
    assert build_tokenizer_json(info.dims, given) == build_tokenizer_json(info.dims, None)


def test_a_tokenizer_that_does_not_fit_is_refused() -> None:
    other = json.loads(build_tokenizer_json(TINY_EN, None))
    del other["model"]["vocab"]["Ġthe"]
    with pytest.raises(OvwError, match="the tokenizer ends at token"):
        build_tokenizer_json(TINY, json.dumps(other))


@pytest.mark.parametrize("dims", [TINY, TINY_EN, Dims(**TINY.as_dict() | {"n_vocab": 51904})])
def test_transformers_knows_the_control_tokens(tmp_path: Path, dims: Dims) -> None:
    given = build_tokenizer_json(TINY, None) if dims.n_vocab == 51904 else None
    write_tokenizer(tmp_path, build_tokenizer_json(dims, given))
    tokenizer = WhisperTokenizer.from_pretrained(tmp_path)
    theirs = get_tokenizer(dims.multilingual, num_languages=99)
    assert set(tokenizer.all_special_tokens) == theirs.special_tokens.keys() - set(TIMESTAMP_TOKENS)
    assert tokenizer.all_special_ids[-1] == theirs.no_timestamps
    first, words = theirs.timestamp_begin, theirs.encode(" And so")
    ids = [theirs.sot, theirs.to_language_token("fr"), theirs.transcribe, first, *words, first + 50, theirs.eot]
    asked = {"return_timestamps": True, "return_language": True, "time_precision": 0.02}
    text, found = tokenizer._decode_asr([{"tokens": np.array([ids])}], **asked)
    (chunk,) = found["chunks"]
    assert (chunk["language"], chunk["timestamp"]) == ("french", (0.0, 1.0))
    assert text == chunk["text"] == " And so"
    assert tokenizer.decode(ids, decode_with_timestamps=True, skip_special_tokens=True) == "<|0.00|> And so<|1.00|>"
