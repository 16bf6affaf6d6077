"""The one text normalizer of every score: Whisper's own, pinned.

`whisper-normalization` is openai-whisper's normalizer (Radford et al., 2022, appendix C) without torch. The package
`whisper-normalizer`, better known, has since 0.1.4 rules of its own (`cause` -> `because`), which lower a WER.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib.metadata import version

from ovw.extras import require

PACKAGE = "whisper-normalization"
CHARACTER_LANGUAGES = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km"})
"""Written without spaces between words: scored by characters; words are timed in fewer, see `words.split.UNSPACED`."""

BYTE_ORDER_MARK = "\ufeff"
"""Not a part of any text, wherever an editor or a concatenation has left it."""
BRACKETED = re.compile(r"[<\[][^>\]]*[>\]]|\([^)]+\)")
"""Remarks of a transcriber."""
Normalize = Callable[[str], str]


def normalize(text: str, language: str | None) -> str:
    """A text as it is scored.

    Args:
        text: of a reference or a hypothesis.
        language: Whisper's code; English has rules of its own, all others and `None` share the basic ones.

    Raises:
        OvwError: the normalizer is not installed.
    """
    text = text.replace(BYTE_ORDER_MARK, "")
    if language == "en":
        return _english()(text).strip()
    basic = _basic()(text).strip()
    return "".join(basic.split()) if by_characters(language) else basic


def normalize_keeping_diacritics(text: str, language: str | None) -> str:
    """A text as it is scored with diacritics kept, as multilingual leaderboards do: many scripts write vowels so.

    English has no other rules here than in `normalize`.
    """
    if language == "en":
        return normalize(text, language)
    plain = BRACKETED.sub("", text.replace(BYTE_ORDER_MARK, "").lower())
    composed = unicodedata.normalize("NFKC", plain)
    kept = "".join(" " if unicodedata.category(character)[0] in "SP" else character for character in composed)
    return ("" if by_characters(language) else " ").join(kept.split())


def has_diacritics(text: str) -> bool:
    """Whether a text, composed, has diacritics: combining marks, such as vowel signs."""
    if text.isascii():
        return False
    return any(unicodedata.category(character)[0] == "M" for character in unicodedata.normalize("NFKC", text))


def by_characters(language: str | None) -> bool:
    """Whether a language is scored by characters."""
    return language in CHARACTER_LANGUAGES


def describe_normalizer() -> dict[str, str]:
    """The normalizer's package, version and rules, for a record."""
    _require()
    return {"package": PACKAGE, "version": version(PACKAGE), "rules": "english for en, basic for the rest"}


@cache
def _english() -> Normalize:
    _require()
    from whisper_normalization.english import EnglishTextNormalizer

    made: Normalize = EnglishTextNormalizer()
    return made


@cache
def _basic() -> Normalize:
    _require()
    from whisper_normalization.basic import BasicTextNormalizer

    made: Normalize = BasicTextNormalizer()
    return made


def _require() -> None:
    require("scoring", "whisper_normalization", "jiwer", extra="eval")
