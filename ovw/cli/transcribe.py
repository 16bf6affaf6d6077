"""`ovw transcribe`."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from ovw.choices import TASKS, Channel, PcmFormat, Quality
from ovw.cli import options
from ovw.cli.console import Terminal, show_config
from ovw.cli.values import Reader, check_exact, config_file, floats, given, integers, optional, temperatures

READERS: dict[str, Reader] = {
    "suppress_tokens": integers,
    "clip_timestamps": floats,
    "compression_ratio_threshold": optional,
    "logprob_threshold": optional,
    "no_speech_threshold": optional,
    "max_initial_timestamp": optional,
}


def run(
    context: typer.Context,
    media: Annotated[
        list[str],
        typer.Argument(help="Audio or video files, folders, .jsonl/.csv lists, http(s) addresses, or - for stdin."),
    ],
    model: options.Model = None,
    formats: options.Formats = None,
    output: Annotated[
        str | None,
        options.output("--output", "-o", text="Write into this folder, or print with -. Default: beside the input."),
    ] = None,
    task: Annotated[
        str | None,
        options.option(choices=TASKS, text="Transcribe (the default), or translate into English."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Code, name or locale; auto detects it. Default: the artifact's own, else detected."),
    ] = None,
    language_detection_segments: Annotated[
        int | None, options.decoding(text="Detect the language from this many windows. Default 1.")
    ] = None,
    language_detection_threshold: Annotated[
        float | None, options.decoding(text="A window this certain decides the language alone. Default 0.5.")
    ] = None,
    multilingual: Annotated[bool, options.decoding(text="Detect the language of every window anew.")] = False,
    beam_size: Annotated[
        int | None, options.decoding(text="Beams of the beam search; 1 decodes greedily. Default 5.")
    ] = None,
    patience: Annotated[
        float | None, options.decoding(text="Search until beam size times patience hypotheses have ended. Default 1.")
    ] = None,
    best_of: Annotated[
        int | None, options.decoding(text="Draw this many samples above temperature 0. Default 5.")
    ] = None,
    length_penalty: Annotated[
        float | None,
        options.decoding(
            text="Alpha of the length penalty, from 0 to 1. By default hypotheses are ranked by mean log probability."
        ),
    ] = None,
    repetition_penalty: Annotated[
        float | None, options.decoding(text="Above 1, words that were there before become less likely. Default 1.")
    ] = None,
    no_repeat_ngram_size: Annotated[
        int | None,
        options.decoding(text="Forbid an n-gram of this many tokens a second time in a window. Default 0: allowed."),
    ] = None,
    temperature: options.Temperature = None,
    temperature_increment_on_fallback: Annotated[
        str | None,
        options.decoding(text="Fall back from --temperature up to 1 in steps of this; none switches fallback off."),
    ] = None,
    compression_ratio_threshold: Annotated[
        str | None,
        options.decoding(text="Above it a text counts as repetition and is decoded again; none: never. Default 2.4."),
    ] = None,
    logprob_threshold: Annotated[
        str | None,
        options.decoding(text="Below it a text counts as a guess and is decoded again; none: never. Default -1."),
    ] = None,
    no_speech_threshold: Annotated[
        str | None, options.decoding(text="Above it a guess counts as silence; none: never. Default 0.6.")
    ] = None,
    condition_on_previous_text: Annotated[
        bool | None,
        options.decoding(
            text="Prompt each window with the text before it; windows are then decoded one by one. Default: on where "
            "they are decoded one by one anyway.",
        ),
    ] = None,
    prompt_reset_on_temperature: Annotated[
        float | None,
        options.decoding(
            text="Do not prompt with text sampled above this temperature, nor with what precedes it. Default 0.5."
        ),
    ] = None,
    initial_prompt: Annotated[
        str | None,
        options.decoding(
            text="Prompt the first window with this: names, spelling, style. In batches it prompts every window."
        ),
    ] = None,
    carry_initial_prompt: Annotated[
        bool,
        options.decoding(text="Put the initial prompt before every window, not only the first."),
    ] = False,
    hotwords: Annotated[str | None, options.decoding(text="Make these words likelier in every window.")] = None,
    prefix: Annotated[str | None, options.decoding(text="The first window begins with this text.")] = None,
    suppress_tokens: Annotated[
        str | None,
        options.decoding(text="Never sample these token ids; -1 stands for symbols that are no speech. Default -1."),
    ] = None,
    suppress_blank: Annotated[
        bool | None,
        options.decoding(text="Forbid an empty start. Default: yes."),
    ] = None,
    max_initial_timestamp: Annotated[
        str | None,
        options.decoding(text="The first timestamp of a window is at most this many seconds; none, 0: any. Default 1."),
    ] = None,
    without_timestamps: Annotated[bool, options.decoding(text="Decode text only; a window becomes one cue.")] = False,
    max_new_tokens: Annotated[
        int | None, options.decoding(text="Sample at most so many in a window. Default 224.")
    ] = None,
    word_timestamps: Annotated[bool, options.subtitles(text="Find the time of each word.")] = False,
    prepend_punctuations: Annotated[
        str | None, options.subtitles(text="These marks belong to the word after them.")
    ] = None,
    append_punctuations: Annotated[
        str | None, options.subtitles(text="These marks belong to the word before them.")
    ] = None,
    hallucination_silence_threshold: Annotated[
        float | None,
        options.speech(text="Skip silence longer than these seconds where text over it looks made up."),
    ] = None,
    clip_timestamps: Annotated[
        str | None, options.sound(text="Transcribe only these clips: start,end,start,... in seconds. Default: all.")
    ] = None,
    vad: Annotated[bool | None, options.speech(text="Leave out long silence and noise. Default: yes.")] = None,
    vad_threshold: Annotated[
        float | None, options.speech(text="Sound with this probability of speech is speech. Default 0.5.")
    ] = None,
    vad_min_speech: Annotated[
        float | None, options.speech(text="Sound of fewer seconds is no speech. Default 0.1.")
    ] = None,
    vad_min_silence: Annotated[
        float | None, options.speech(text="Pauses of more seconds are left out. Default 5.")
    ] = None,
    vad_pad: Annotated[
        float | None, options.speech(text="Seconds of a pause that are kept around speech. Default 0.4.")
    ] = None,
    quality: Annotated[
        str | None,
        options.speed(
            choices=get_args(Quality),
            text="fast decodes greedily, balanced with 5 beams, exact is --exact. Default balanced.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        options.speed(
            text="Decode so many windows together, cut at pauses; 1 decodes them in turn, each prompted with the text "
            "before it. Default 0: up to 8, or 1 where other options need it."
        ),
    ] = None,
    chunk_length: Annotated[
        float | None, options.speed(text="Seconds of the longest window that is decoded with others. Default 20.")
    ] = None,
    audio_context: options.AudioContext = None,
    pad: options.Pad = None,
    seed: Annotated[int | None, options.decoding(text="Seed of the sampling. Default 0.")] = None,
    exact: options.Exact = False,
    device: options.Device = None,
    inference_precision: options.InferencePrecision = None,
    threads: options.Threads = None,
    workers: Annotated[
        int | None,
        options.speed(text="Run this many processes, each with a model; they leave out files that are done already."),
    ] = None,
    ray: options.Ray = None,
    force: Annotated[bool, options.output(text="With workers: do again what is done already.")] = False,
    overwrite: options.Overwrite = False,
    stream: options.Stream = None,
    audio_language: options.AudioLanguage = None,
    channel: Annotated[
        str | None,
        options.sound(choices=get_args(Channel), text="Take one channel, or write files for each. Default: their mix."),
    ] = None,
    pcm: Annotated[
        str | None,
        options.sound(
            choices=get_args(PcmFormat),
            text="Standard input holds samples of this type without a header.",
        ),
    ] = None,
    pcm_rate: Annotated[int | None, options.sound(text="Rate of these samples. Default 16000.")] = None,
    pcm_channels: Annotated[int | None, options.sound(text="Channels of these samples. Default 1.")] = None,
    max_line_width: Annotated[
        int | None, options.subtitles(text="A line has at most this many columns. Default: one line a segment.")
    ] = None,
    max_lines: options.MaxLines = None,
    max_words: options.MaxWords = None,
    min_cue: Annotated[
        float | None, options.subtitles(text="A cue stays at least this many seconds, if there is room.")
    ] = None,
    max_cue: options.MaxCue = None,
    max_cps: Annotated[
        float | None, options.subtitles(text="A cue has this many characters a second at most, if there is room.")
    ] = None,
    min_gap: Annotated[
        float | None, options.subtitles(text="There are at least this many seconds between cues.")
    ] = None,
    highlight_words: Annotated[
        bool,
        options.subtitles(text="Underline the spoken word; this needs --word-timestamps."),
    ] = False,
    embed: Annotated[
        bool,
        options.output(
            text="Also copy each video with the subtitles in it, as NAME.subtitled.EXT, in the video's own format.",
        ),
    ] = False,
    yes: options.Yes = False,
    config: options.ConfigFile = None,
    print_config: options.PrintConfig = False,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
) -> None:
    """Write subtitles for audio and video files."""
    from ovw.cli.transcription.config import TranscribeConfig, with_quality
    from ovw.cli.transcription.in_process import transcribe_all
    from ovw.config import resolve

    flags = with_quality(given(context, TranscribeConfig, READERS, formats="format"))
    if (tried := temperatures(temperature, temperature_increment_on_fallback)) is not None:
        flags["temperature"] = tried
    check_exact(flags)
    chosen = resolve(TranscribeConfig, flags, config_file("transcribe", config))
    check_exact(flags | {"exact": chosen.exact})
    if print_config:
        show_config(chosen)
        return
    transcribe_all(media, chosen, Terminal(quiet=quiet), yes=yes)
