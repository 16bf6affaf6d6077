"""Languages by code, locale and name."""

from __future__ import annotations

import pytest

from ovw.errors import UsageError
from ovw.models import find_language, languages
from ovw.parsing import own_yaml


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pt-BR", "pt"), ("pt_br", "pt"), ("zh-CN", "zh"), ("zh_Hans_CN", "zh"), ("cmn", "zh"), ("cmn_hans_cn", "zh"),
        ("yue-HK", "yue"), ("zh-yue", "yue"), ("nb", "no"), ("nb-NO", "no"), ("nob", "no"), ("nn-NO", "nn"),
        ("iw", "he"), ("in", "id"), ("ji", "yi"), ("jv", "jw"), ("fil-PH", "tl"), ("ger", "de"), ("deu", "de"),
        ("por", "pt"), ("es-419", "es"), ("sr-Latn-RS", "sr"), ("en_US", "en"), ("DE", "de"), ("German", "de"),
        (" french ", "fr"), ("Haitian Creole", "ht"), ("mandarin", "zh"), ("haw", "haw"), ("arb", "ar"),
        ("English (US)", "en"), ("Chinese (Hong Kong)", "zh"), ("Simplified Chinese", "zh"), ("zh (Taiwan)", "zh"),
        ("Chinese (Cantonese)", "yue"), ("Chinese (Simplified)", "zh"), ("Haitian Creole (Haiti)", "ht"),
    ],
)  # fmt: skip
def test_every_spelling_means_its_language(name: str, code: str):
    assert find_language(name) == code


FLEURS = """
    Afrikaans Amharic Arabic Armenian Assamese Azerbaijani Belarusian Bengali Bosnian Bulgarian Burmese Catalan
    Cantonese_Chinese Mandarin_Chinese Croatian Czech Danish Dutch English Estonian Filipino Finnish French Galician
    Georgian German Greek Gujarati Hausa Hebrew Hindi Hungarian Icelandic Indonesian Italian Japanese Javanese Kannada
    Kazakh Khmer Korean Lao Latvian Lingala Lithuanian Luxembourgish Macedonian Malay Malayalam Maltese Maori Marathi
    Mongolian Nepali Norwegian Occitan Pashto Persian Polish Portuguese Punjabi Romanian Russian Serbian Shona Sindhi
    Slovak Slovenian Somali Spanish Swahili Swedish Tajik Tamil Telugu Thai Turkish Ukrainian Urdu Uzbek Vietnamese
    Welsh Yoruba
"""


def test_the_names_of_fleurs():
    """Values of its column `language` (Conneau et al., 2022), without those of languages that Whisper does not know."""
    found = [find_language(name.replace("_", " ")) for name in FLEURS.split()]
    assert set(found) == set(own_yaml("fleurs.yaml")["languages"])
    assert len(found) == len(set(found))


def test_a_code_is_itself():
    assert all(find_language(code) == code for code in languages())


@pytest.mark.parametrize("name", ["klingon", "xx-XX", "", "-"])
def test_unknown(name: str):
    with pytest.raises(UsageError, match="unknown language"):
        find_language(name)
