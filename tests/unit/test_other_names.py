"""Options as other Whisper programs spell them."""

import shlex

import pytest
import typer

from ovw.cli.command import dashed, from_other_programs
from ovw.errors import UsageError


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        # openai-whisper
        ("a.mp3 --model turbo --language Japanese", "a.mp3 --model turbo --language Japanese"),
        ("a.wav --language Japanese --task translate", "a.wav --language Japanese --task translate"),
        ("a.wav --output_dir out --output_format vtt", "a.wav --output out --format vtt"),
        ("a.wav --output_dir=out -f srt", "a.wav --output out -f srt"),
        ("a.wav --word_timestamps True --max_line_width 42", "a.wav --word-timestamps --max-line-width 42"),
        ("a.wav --word_timestamps False --highlight_words True", "a.wav --no-word-timestamps --highlight-words"),
        ("a.wav --max_line_count 2 --max_words_per_line 5", "a.wav --max-lines 2 --max-words 5"),
        ("a.wav --fp16 False --verbose False --device cpu", "a.wav --quiet --device CPU"),
        ("a.wav --model_dir models --verbose True", "a.wav"),
        ("a.wav --verbose", "a.wav --verbose"),
        ("a.wav --beam_size None --best_of None --patience None", "a.wav --beam-size 1 --best-of 1"),
        ("a.wav --language None --max_words_per_line None", "a.wav"),
        ("a.wav --temperature_increment_on_fallback None", "a.wav --temperature-increment-on-fallback None"),
        ("a.wav --condition_on_previous_text False", "a.wav --no-condition-on-previous-text"),
        # whisper-ctranslate2
        ("a.mp3 --model medium --batched True", "a.mp3 --model medium --batch-size 8"),
        ("a.mp3 --model_directory m --compute_type int8", "a.mp3 --model m"),
        ("a.mp3 --compute_type float32 --threads 4", "a.mp3 --inference-precision f32 --threads 4"),
        ("a.mp3 --vad_filter True --vad_min_silence_duration_ms 2000", "a.mp3 --vad --vad-min-silence 2"),
        ("a.mp3 --vad_filter False --vad_onset 0.4", "a.mp3 --no-vad --vad-threshold 0.4"),
        ("a.mp3 --print_colors True --hotwords 'Ada Byron'", "a.mp3 --hotwords 'Ada Byron'"),
        ("a.mp3 --batched --print_colors --vad_filter b.mp3", "a.mp3 --batch-size 8 --vad b.mp3"),
        ("a.mp3 --batch_size 4 --batched True", "a.mp3 --batch-size 4"),
        ("a.mp3 --batched --batch_size=4", "a.mp3 --batch-size=4"),
        ("a.mp3 --live_transcribe False", "a.mp3"),
        ("a.mp3 --local_files_only True", "a.mp3 --offline"),
        # ours
        (
            "a.mp3 --word-timestamps --vad --no-vad --device AUTO",
            "a.mp3 --word-timestamps --vad --no-vad --device AUTO",
        ),
        ("True --word-timestamps a_b.mp3", "True --word-timestamps a_b.mp3"),
        ("a.mp3 --output", "a.mp3 --output"),
        ("a.mp3 --output-dir", "a.mp3 --output-dir"),
    ],
)
def test_theirs_is_ours(theirs: str, ours: str) -> None:
    assert list(from_other_programs(dashed(shlex.split(theirs)))) == shlex.split(ours)


def test_a_duration_that_is_no_number() -> None:
    with pytest.raises(typer.BadParameter, match="'long' is not a number"):
        list(from_other_programs(["--vad-min-silence-duration-ms", "long"]))


def test_values_keep_their_underscores() -> None:
    assert dashed(["--output_dir=a_b", "c_d", "-o", "e_f"]) == ["--output-dir=a_b", "c_d", "-o", "e_f"]


@pytest.mark.parametrize(
    ("theirs", "instead"),
    [
        ("--live_transcribe True --language en", "ovw transcribe - --pcm s16le"),
        ("--live_transcribe", "ovw transcribe - --pcm s16le"),
        ("a.mp3 --hf_token=TOKEN", "--channel each"),
        ("a.mp3 --vad_max_speech_duration_s 30", "--chunk-length"),
        ("a.mp3 --device cuda", "AUTO"),
        ("--version", "ovw --version"),
    ],
)
def test_without_counterpart(theirs: str, instead: str) -> None:
    with pytest.raises(UsageError) as refused:
        list(from_other_programs(dashed(shlex.split(theirs))))
    assert instead in str(refused.value)
