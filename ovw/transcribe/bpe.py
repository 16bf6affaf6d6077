"""Byte-level BPE from a `tokenizer.json` that others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tokenizers import Tokenizer as BpeTokenizer

from ovw.errors import reason

PROBES = ("hello world", " Hello, 12 \u00e4\u65e5")


def load_bpe(text: str) -> BpeTokenizer:
    """The tokenizer in a JSON text, once it has proved to encode and decode.

    Its padding, truncation and dropout do not apply. Whisper's has none; one of others would lose words, or fill the
    memory: a padding may have any length.

    Raises:
        ValueError: it cannot be used.
    """
    with without_panic():
        bpe = BpeTokenizer.from_str(text)
        bpe.no_padding()
        bpe.no_truncation()
        if getattr(bpe.model, "dropout", None):
            bpe.model.dropout = None
        for probe in PROBES:
            bpe.decode(bpe.encode(probe, add_special_tokens=False).ids)
    return bpe


@contextmanager
def without_panic() -> Iterator[None]:
    """Errors of the library in this block as `ValueError`; a panic of Rust would be no `Exception` even."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise ValueError(f"the tokenizer cannot be used: {reason(error)}") from None
