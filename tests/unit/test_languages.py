"""Languages by code, locale and name."""

from __future__ import annotations

import pytest

from ovw.errors import UsageError
from ovw.models import find_language, languages


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pt-BR", "pt"), ("pt_br", "pt"), ("zh-CN", "zh"), ("zh_Hans_CN", "zh"), ("cmn", "zh"), ("cmn_hans_cn", "zh"),
        ("yue-HK", "yue"), ("zh-yue", "yue"), ("nb", "no"), ("nb-NO", "no"), ("nob", "no"), ("nn-NO", "nn"),
        ("iw", "he"), ("in", "id"), ("ji", "yi"), ("jv", "jw"), ("fil-PH", "tl"), ("ger", "de"), ("deu", "de"),
        ("por", "pt"), ("es-419", "es"), ("sr-Latn-RS", "sr"), ("en_US", "en"), ("DE", "de"), ("German", "de"),
        (" french ", "fr"), ("Haitian Creole", "ht"), ("mandarin", "zh"), ("haw", "haw"), ("arb", "ar"),
    ],
)  # fmt: skip
def test_every_spelling_means_its_language(name: str, code: str):
    assert find_language(name) == code


def test_a_code_is_itself():
    assert all(find_language(code) == code for code in languages())


@pytest.mark.parametrize("name", ["klingon", "xx-XX", "", "-"])
def test_unknown(name: str):
    with pytest.raises(UsageError, match="unknown language"):
        find_language(name)
