"""Scripts that are written without spaces between words."""

from __future__ import annotations

import itertools
import unicodedata

import pytest

from ovw.subtitles.document import Document
from ovw.subtitles.layout import lay_out
from ovw.subtitles.options import LayoutOptions
from ovw.subtitles.text import columns, unbroken
from ovw.transcribe.result import Segment

THAI = "การถอดเสียงภาษาไทยต้องแบ่งบรรทัดให้ถูกต้องเพราะภาษานี้ไม่มีช่องว่างระหว่างคำและประโยคหนึ่งอาจยาวมากจนอ่านไม่ทันในหนึ่งบรรทัด"
KHMER = "ការបម្លែងសំឡេងទៅជាអក្សរត្រូវការបំបែកបន្ទាត់ឱ្យបានត្រឹមត្រូវព្រោះភាសានេះមិនមានដកឃ្លារវាងពាក្យទេ"
LAO = "ການຖອດສຽງເປັນຂໍ້ຄວາມຕ້ອງແບ່ງແຖວໃຫ້ຖືກຕ້ອງເພາະພາສານີ້ບໍ່ມີຊ່ອງຫວ່າງລະຫວ່າງຄຳ"
JAVANESE = "ꦱꦧꦼꦤ꧀ꦮꦺꦴꦁꦏꦭꦲꦶꦂꦫꦏꦺꦏꦤ꧀ꦛꦶꦩꦂꦢꦶꦏꦭꦤ꧀ꦢꦂꦧꦺꦩꦂꦠꦧꦠ꧀ꦭꦤ꧀ꦲꦏ꧀ꦲꦏ꧀ꦏꦁꦥꦝ꧉"
EMOJI = "👍🏽👩🏿‍🚀🏳️‍🌈🇩🇪🇫🇷1️⃣❤️" * 5
BURMESE = "အသံကိုစာသားအဖြစ်ပြောင်းခြင်းတွင်စာကြောင်းများကိုမှန်ကန်စွာခွဲရန်လိုအပ်သည်"
TIBETAN = "བོད་སྐད་ཀྱི་ཡི་གེ་ནི་ཚེག་གིས་དབྱེ་བ་ཡིན་པས་ཚིག་གྲུབ་རིང་པོ་ཡང་བཅད་དགོས།"
SCRIPTS = {"th": THAI, "km": KHMER, "lo": LAO, "my": BURMESE, "bo": TIBETAN, "jw": JAVANESE, "emoji": EMOJI}


def document(text: str, end: float) -> Document:
    segment = Segment(0, 0.0, end, text, [], 0.0, 0.0, 0.0, 0.0, 0)
    return Document("a.wav", end, "th", None, [segment])


@pytest.mark.parametrize("language", SCRIPTS)
def test_lines_keep_to_their_width(language: str):
    text = SCRIPTS[language]
    cues = lay_out(document(text, 20.0), LayoutOptions(max_line_width=20))
    lines = [line for cue in cues for line in cue.text.splitlines()]
    assert "".join(lines) == text
    assert len(lines) >= columns(text) / 20
    assert all(columns(line) <= 20 for line in lines)
    assert all(unicodedata.category(line[0])[0] != "M" for line in lines)  # no vowel sign without its consonant


@pytest.mark.parametrize("language", SCRIPTS)
def test_no_cue_goes_before_it_is_read(language: str):
    text = SCRIPTS[language]
    cues = lay_out(document(text, 12.0), LayoutOptions(max_cue=3))
    assert "".join(cue.text for cue in cues) == text
    assert len(cues) >= 4
    assert all(cue.end_ms - cue.start_ms <= 3000 for cue in cues)
    assert cues[-1].end_ms == 12_000  # the screen is never empty while there is speech
    assert all(a.end_ms == b.start_ms for a, b in itertools.pairwise(cues))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ภาษาไทย", ["ภาษา", "ไทย"]),
        ("ไทยEnglishไทย", ["ไทย", "English", "ไทย"]),
        ("ปี2567", ["ปี", "2567"]),
        ("ไทย日本", ["ไทย", "日", "本"]),
        ("well-known", ["well-known"]),
        ("हिन्दी", ["हिन्दी"]),
        ("日本、", ["日", "本、"]),
        ("และ“สมาคม”ไทย(ลาว)ด้วย", ["และ", "“สมาคม”", "ไทย", "(ลาว)", "ด้วย"]),
        ("ไทยéПриветไทย", ["ไทย", "éПривет", "ไทย"]),
        ("ปี2567ๆ", ["ปี", "2567ๆ"]),
        ("foo\u200bbar", ["foo\u200b", "bar"]),
        ("ሰላም፡ለዓለም።", ["ሰላም፡", "ለዓለም።"]),
        ("ok😀👩🏿‍🚀!👍🏽🇩🇪🇫🇷", ["ok", "😀", "👩🏿‍🚀!", "👍🏽", "🇩🇪", "🇫🇷"]),
        ("a-b❤️", ["a-b", "❤️"]),
        ("ꆈꌠꁱ", ["ꆈ", "ꌠ", "ꁱ"]),
        ("", [""]),
    ],
)
def test_where_a_run_may_break(text: str, parts: list[str]):
    assert list(unbroken(text)) == parts


def test_what_cannot_be_split_may_be_read():
    word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    (cue,) = lay_out(document(word, 9.0), LayoutOptions(max_cue=2))
    assert cue.end_ms == pytest.approx(len(word) / 17 * 1000, abs=2)
    (short,) = lay_out(document("Hello", 9.0), LayoutOptions(max_cue=2))
    assert short.end_ms == 2000
    (fast,) = lay_out(document(word, 9.0), LayoutOptions(max_cue=2, max_cps=40))
    assert fast.end_ms == 2000


@pytest.mark.parametrize(
    ("width", "text", "lines"),
    [
        (20, "« Bien sûr ! » dit-elle « Non ! »", ["« Bien sûr ! »", "dit-elle « Non ! »"]),
        (16, "Bonjour à tous ; merci", ["Bonjour à", "tous ; merci"]),
        (12, "Le prix est de 100 % environ", ["Le prix", "est de 100 %", "environ"]),
        (14, "เด็กชอบต่าง ๆ มากมาย", ["เด็กชอบ", "ต่าง ๆ มากมาย"]),
    ],
)
def test_marks_behind_a_space_stay_with_their_words(width: int, text: str, lines: list[str]):
    cues = lay_out(document(text, 9.0), LayoutOptions(max_line_width=width))
    assert [line for cue in cues for line in cue.text.splitlines()] == lines


def test_no_cue_begins_with_a_mark_behind_a_space():
    cues = lay_out(document("Un deux , trois quatre ; cinq six ; sept huit ; neuf", 9.0), LayoutOptions(max_words=3))
    assert [cue.text for cue in cues] == ["Un deux ,", "trois quatre ;", "cinq six ;", "sept huit ;", "neuf"]
