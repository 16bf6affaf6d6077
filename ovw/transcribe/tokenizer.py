"""Whisper's tokenizer: byte-level BPE plus the special tokens that steer the decoder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer as BpeTokenizer

from ovw.artifact import names
from ovw.artifact.generation import read_generation
from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.control_tokens import (
    END,
    ENGLISH_END,
    NO_SPEECH,
    NO_TIMESTAMPS,
    START,
    START_OF_LM,
    START_OF_PREV,
    TIMESTAMPS,
    TRANSCRIBE,
    TRANSLATE,
    code_of,
    spellings_of,
    token_of,
)
from ovw.errors import OvwError, quoted, reason
from ovw.models import FRAMES_PER_POSITION, languages
from ovw.text_files import require_file
from ovw.transcribe.bpe import load_bpe, without_panic

TIME_PRECISION = FRAMES_PER_POSITION / FRAMES_PER_SECOND
"""Seconds per timestamp token."""


class Tokenizer:
    """Text to tokens and back, and the ids of Whisper's control tokens.

    Args:
        bpe: the byte-level BPE with all added tokens.
        suppress: token ids never to be sampled (non-speech symbols and control tokens).
        begin_suppress: token ids that may not come first; a lone space and the end if not given.
        multilingual: whether language and task tokens steer decoding.
        known: codes of the languages that the model knows; by default those that have a token.
    """

    def __init__(
        self,
        bpe: BpeTokenizer,
        suppress: Sequence[int],
        *,
        begin_suppress: Sequence[int] | None = None,
        multilingual: bool = True,
        known: Collection[str] = (),
    ) -> None:
        self._bpe = bpe
        self._known = known or languages()
        self.suppress = tuple(suppress)
        self._begin_suppress = begin_suppress
        self.multilingual = multilingual
        self.eot = self._id(END)
        self.sot = self._id(START)
        self.transcribe = self._id(TRANSCRIBE)
        self.translate = self._id(TRANSLATE)
        self.sot_lm = self._id(START_OF_LM)
        self.sot_prev = self._id(START_OF_PREV)
        self.no_speech = self._id(NO_SPEECH)
        self.no_timestamps = self._id(NO_TIMESTAMPS)
        self.timestamp_begin = self.no_timestamps + 1
        self.timestamp_end = self.timestamp_begin + TIMESTAMPS

    @classmethod
    def from_artifact(cls, folder: Path) -> Tokenizer:
        """The tokenizer of an artifact folder, with the suppress lists and the languages of its generation config.

        Raises:
            OvwError: one of the two is missing or damaged.
        """
        config, path = read_generation(folder), folder / names.TOKENIZER
        first = config.get("begin_suppress_tokens")
        try:
            require_file(path)
            bpe = load_bpe(path.read_text(encoding="utf-8"))
            return cls(
                bpe,
                [token for token in config.get("suppress_tokens") or () if token >= 0],
                begin_suppress=first if first is None else [token for token in first if token >= 0],
                multilingual=bool(config.get("is_multilingual", bpe.token_to_id(END) != ENGLISH_END)),
                known={code_of(token) for token in config.get("lang_to_id") or ()},
            )
        except (OSError, ValueError) as error:
            hint = f"ovw verify {folder} lists what is wrong"
            raise OvwError(f"{path} cannot be read: {reason(error)}", hint) from error

    def _id(self, token: str) -> int:
        for spelling in spellings_of(token):
            if (found := self._bpe.token_to_id(spelling)) is not None:
                return int(found)
        raise ValueError(f"the tokenizer has no {token}")

    @cached_property
    def language_tokens(self) -> dict[str, int]:
        """Code -> token id of each language that the model knows, in token order."""
        found = {code: self._bpe.token_to_id(token_of(code)) for code in languages() if code in self._known}
        return {code: token for code, token in found.items() if token is not None}

    def encode(self, text: str) -> list[int]:
        """Text to tokens, without control tokens.

        Raises:
            OvwError: the tokenizer of this model cannot take the text.
        """
        try:
            with without_panic():
                return list(self._bpe.encode(text, add_special_tokens=False).ids)
        except ValueError as error:
            raise OvwError(f"{quoted(text)} cannot be encoded: {error}", "convert the model again") from None

    def decode(self, tokens: Iterable[int]) -> str:
        """Tokens to text; timestamps are left out, broken UTF-8 becomes U+FFFD."""
        text: str = self._bpe.decode([t for t in tokens if not self.is_timestamp(t)], skip_special_tokens=False)
        return text

    def decode_all(self, tokens: Iterable[int]) -> str:
        """Tokens to text, timestamps too, written `<|1.08|>`."""
        text: str = self._bpe.decode(list(tokens), skip_special_tokens=False)
        return text

    def text_of(self, tokens: Iterable[int]) -> str:
        """The text without control tokens and timestamps."""
        return self.decode(t for t in tokens if t < self.eot or t >= self.timestamp_end)

    def is_timestamp(self, token: int) -> bool:
        """Whether a token stands for a time."""
        return self.timestamp_begin <= token < self.timestamp_end

    def seconds(self, token: int) -> float:
        """The time that a timestamp token stands for, from the start of its window."""
        return (token - self.timestamp_begin) * TIME_PRECISION

    @cached_property
    def blank(self) -> tuple[int, ...]:
        """Tokens that must not come first: a lone space or the end, unless the artifact has a list of its own."""
        own = self._begin_suppress
        return (*self.encode(" "), self.eot) if own is None else tuple(own)
