"""Commands of openai-whisper and whisper-ctranslate2, with the command's name changed."""

import shlex
from pathlib import Path

import pytest
from support.command import all_done, all_refused
from support.speech_files import wav

from ovw.convert.plan import Converted

CHEAP = ["--max-new-tokens", "4", "--temperature", "0", "--beam-size", "1"]
"""For commands that transcribe: random weights have no end of text."""

README = [
    # openai-whisper
    "whisper audio.flac audio.mp3 audio.wav --model turbo",
    "whisper japanese.wav --language Japanese",
    "whisper japanese.wav --model medium --language Japanese --task translate",
    "whisper --help",
    # whisper-ctranslate2
    "whisper-ctranslate2 gossos.mp3 --output_dir files",
    "whisper-ctranslate2 inaguracio2011.mp3 --model medium",
    "whisper-ctranslate2 inaguracio2011.mp3 --model medium --task translate",
    "whisper-ctranslate2 --help",
    "whisper-ctranslate2 inaguracio2011.mp3 --batched True",
    "whisper-ctranslate2 inaguracio2011.mp3 --batched True --batch_size 4",
    "whisper-ctranslate2 myfile.mp3 --compute_type int8",
    "whisper-ctranslate2 myfile.mp3 --model_directory medium-fp16",
    "whisper-ctranslate2 myfile.mp3 --vad_filter True",
    "whisper-ctranslate2 myfile.mp3 --vad_filter True --vad_onset 0.4 --vad_min_speech_duration_ms 250",
    "whisper-ctranslate2 myfile.mp3 --print_colors True",
    "whisper-ctranslate2 inaguracio2011.mp3 --model medium --output_dir out --output_format vtt",
]
"""Examples of their pages."""

REFUSED = {
    "whisper-ctranslate2 inaguracio2011.mp3 --device cuda": "give CPU",
    "whisper-ctranslate2 --live_transcribe True --language en": "--pcm s16le",
    "whisper-ctranslate2 inaguracio2011.mp3 --hf_token TOKEN": "--channel each",
    "whisper-ctranslate2 inaguracio2011.mp3 --speaker_name Ada": "--channel each",
    "whisper-ctranslate2 inaguracio2011.mp3 --vad_max_speech_duration_s 30": "--chunk-length",
}

OPTIONS = {
    "whisper": """
        --model base --model_dir models --device cpu --output_dir out --output_format all --verbose False
        --task transcribe --language en --temperature 0 --best_of 5 --beam_size 5 --patience 1.0 --length_penalty 0.5
        --suppress_tokens -1 --initial_prompt "Ada Byron" --carry_initial_prompt True
        --condition_on_previous_text True --fp16 False --temperature_increment_on_fallback 0.2
        --compression_ratio_threshold 2.4 --logprob_threshold -1.0 --no_speech_threshold 0.6 --word_timestamps True
        --prepend_punctuations "([{" --append_punctuations ".,!" --highlight_words True --max_line_width 42
        --max_line_count 2 --max_words_per_line 5 --threads 2 --clip_timestamps 0,5
        --hallucination_silence_threshold 2
    """,
    "whisper-ctranslate2": """
        --model base --model_directory folder --model_dir models --local_files_only False --device auto --threads 2
        --device_index 0 --compute_type float32 --output_dir out --output_format srt --pretty_json True
        --print_colors False --verbose True --highlight_words True --max_line_width 42 --max_line_count 2
        --max_words_per_line 5 --task translate --language ca --temperature 0 --temperature_increment_on_fallback None
        --prompt_reset_on_temperature 0.5 --best_of 5 --beam_size 5 --patience 1.0 --length_penalty 1.0
        --repetition_penalty 1.1 --no_repeat_ngram_size 3 --suppress_blank True --suppress_tokens -1
        --initial_prompt "Ada Byron" --condition_on_previous_text False
        --compression_ratio_threshold None --logprob_threshold None --no_speech_threshold None --word_timestamps True
        --prepend_punctuations "([{" --append_punctuations ".,!" --vad_filter True --vad_threshold 0.4
        --vad_onset 0.4 --vad_min_speech_duration_ms 250 --vad_min_silence_duration_ms 2000 --vad_speech_pad_ms 400
        --batched True --batch_size 16 --hotwords "Ada Byron" --multilingual True --language_detection_threshold 0.5
        --language_detection_segments 2 --hallucination_silence_threshold None --chunk_length 30
    """,
}
"""Every option that makes sense here."""


@pytest.fixture
def place(tmp_path: Path, tiny: Converted) -> Path:
    """A folder with the files of the examples, and a home with their models."""
    for name in (
        "audio.flac",
        "audio.mp3",
        "audio.wav",
        "japanese.wav",
        "inaguracio2011.mp3",
        "myfile.mp3",
        "gossos.mp3",
    ):
        (tmp_path / name).write_bytes(wav(1))
    (tmp_path / "home" / "models").mkdir(parents=True)
    for name in ("base-fp16", "medium-fp16", "large-v3-turbo-fp16"):
        (tmp_path / "home" / "models" / name).symlink_to(tiny.folder)
    return tmp_path


def ours(command: str) -> list[str]:
    _, *words = shlex.split(command)
    return ["transcribe", *words]


def test_examples_run(place: Path) -> None:
    all_done([[*ours(command), *CHEAP] for command in README], place / "home", place)
    made = {str(path.relative_to(place)) for path in place.rglob("*.[sv][rt]t")}
    assert made == {
        "audio.flac.srt",
        "audio.mp3.srt",
        "audio.wav.srt",
        "japanese.srt",
        "files/gossos.srt",
        "inaguracio2011.srt",
        "myfile.srt",
        "out/inaguracio2011.vtt",
    }


def test_every_option_is_taken(place: Path) -> None:
    all_done(
        [["transcribe", "audio.wav", *shlex.split(text), "--print-config"] for text in OPTIONS.values()],
        place / "home",
        place,
    )


def test_what_makes_no_sense_here_is_refused_with_what_does(place: Path) -> None:
    lines = all_refused([(ours(command), 2) for command in REFUSED], place / "home")
    for line, instead in zip(lines, REFUSED.values(), strict=True):
        assert instead in line
