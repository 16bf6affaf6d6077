"""Tokenizers of a checkpoint: openai-whisper's own, whatever they came from."""

import json

import pytest
from support.tiny_whisper import TINY, TINY_EN
from tokenizers import Tokenizer as BpeTokenizer
from whisper.tokenizer import get_tokenizer

from ovw.convert.sources.wheel import find_wheels, read_wheels
from ovw.convert.suppress import suppress_tokens
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.errors import OvwError
from ovw.models import find_size


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
