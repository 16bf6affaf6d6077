"""`ovw transcribe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ovw.artifact.names import TASKS
from ovw.cli import options
from ovw.cli.console import Terminal, show_config


def run(
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
    multilingual: Annotated[
        bool, options.decoding("--multilingual", text="Detect the language of every window anew.")
    ] = False,
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
            "--condition-on-previous-text/--no-condition-on-previous-text",
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
        options.decoding(
            "--carry-initial-prompt", text="Put the initial prompt before every window, not only the first."
        ),
    ] = False,
    hotwords: Annotated[str | None, options.decoding(text="Make these words likelier in every window.")] = None,
    prefix: Annotated[str | None, options.decoding(text="The first window begins with this text.")] = None,
    suppress_tokens: Annotated[
        str | None,
        options.decoding(text="Never sample these token ids; -1 stands for symbols that are no speech. Default -1."),
    ] = None,
    suppress_blank: Annotated[
        bool | None,
        options.decoding("--suppress-blank/--no-suppress-blank", text="Forbid an empty start. Default: yes."),
    ] = None,
    max_initial_timestamp: Annotated[
        str | None,
        options.decoding(text="The first timestamp of a window is at most this many seconds; none, 0: any. Default 1."),
    ] = None,
    without_timestamps: Annotated[
        bool, options.decoding("--without-timestamps", text="Decode text only; a window becomes one cue.")
    ] = False,
    max_new_tokens: Annotated[
        int | None, options.decoding(text="Sample at most so many in a window. Default 224.")
    ] = None,
    word_timestamps: Annotated[
        bool, options.subtitles("--word-timestamps", text="Find the time of each word.")
    ] = False,
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
    vad: Annotated[
        bool | None, options.speech("--vad/--no-vad", text="Leave out long silence and noise. Default: yes.")
    ] = None,
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
            choices=("fast", "balanced", "exact"),
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
    force: Annotated[bool, options.output("--force", text="With workers: do again what is done already.")] = False,
    overwrite: options.Overwrite = False,
    stream: options.Stream = None,
    audio_language: options.AudioLanguage = None,
    channel: Annotated[
        str | None,
        options.sound(
            choices=("left", "right", "each"), text="Take one channel, or write files for each. Default: their mix."
        ),
    ] = None,
    pcm: Annotated[
        str | None,
        options.sound(
            choices=("s16le", "f32le", "u8", "s24le", "s32le", "mulaw", "alaw"),
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
        options.subtitles("--highlight-words", text="Underline the spoken word; this needs --word-timestamps."),
    ] = False,
    embed: Annotated[
        bool,
        options.output(
            "--embed",
            text="Also copy each video with the subtitles in it, as NAME.subtitled.EXT, in the video's own format.",
        ),
    ] = False,
    yes: options.Yes = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="Take these options from a YAML file; flags win.")
    ] = None,
    print_config: options.PrintConfig = False,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
) -> None:
    """Write subtitles for audio and video files."""
    from ovw.cli.transcription.config import TranscribeConfig, with_quality
    from ovw.cli.transcription.in_process import transcribe_all
    from ovw.cli.values import check_exact, config_file, numbers, optional, temperatures
    from ovw.config import resolve

    flags: dict[str, Any] = {
        "model": model, "format": formats or None, "output": output, "task": task, "language": language,
        "language_detection_segments": language_detection_segments,
        "language_detection_threshold": language_detection_threshold, "multilingual": multilingual or None,
        "beam_size": beam_size, "patience": patience, "best_of": best_of, "length_penalty": length_penalty,
        "repetition_penalty": repetition_penalty, "no_repeat_ngram_size": no_repeat_ngram_size,
        "temperature": temperatures(temperature, temperature_increment_on_fallback),
        "compression_ratio_threshold": optional("--compression-ratio-threshold", compression_ratio_threshold),
        "logprob_threshold": optional("--logprob-threshold", logprob_threshold),
        "no_speech_threshold": optional("--no-speech-threshold", no_speech_threshold),
        "condition_on_previous_text": condition_on_previous_text,
        "prompt_reset_on_temperature": prompt_reset_on_temperature, "initial_prompt": initial_prompt,
        "carry_initial_prompt": carry_initial_prompt or None, "hotwords": hotwords, "prefix": prefix,
        "suppress_tokens": numbers("--suppress-tokens", suppress_tokens, int), "suppress_blank": suppress_blank,
        "max_initial_timestamp": optional("--max-initial-timestamp", max_initial_timestamp),
        "without_timestamps": without_timestamps or None, "max_new_tokens": max_new_tokens,
        "word_timestamps": word_timestamps or None, "prepend_punctuations": prepend_punctuations,
        "append_punctuations": append_punctuations,
        "hallucination_silence_threshold": hallucination_silence_threshold,
        "clip_timestamps": numbers("--clip-timestamps", clip_timestamps, float), "vad": vad,
        "vad_threshold": vad_threshold, "vad_min_speech": vad_min_speech, "vad_min_silence": vad_min_silence,
        "vad_pad": vad_pad, "batch_size": batch_size, "chunk_length": chunk_length,
        "audio_context": audio_context, "pad": pad, "seed": seed, "quality": quality,
        "exact": exact or None, "device": device,
        "inference_precision": inference_precision, "threads": threads,
        "workers": workers, "ray": ray, "force": force or None, "overwrite": overwrite or None,
        "stream": stream, "audio_language": audio_language,
        "channel": channel,
        "pcm": pcm, "pcm_rate": pcm_rate, "pcm_channels": pcm_channels,
        "max_line_width": max_line_width, "max_lines": max_lines, "max_words": max_words, "min_cue": min_cue,
        "max_cue": max_cue, "max_cps": max_cps, "min_gap": min_gap, "highlight_words": highlight_words or None,
        "embed": embed or None,
    }  # fmt: skip
    flags = with_quality({key: value for key, value in flags.items() if value is not None})
    check_exact(flags)
    chosen = resolve(TranscribeConfig, flags, config_file("transcribe", config))
    if print_config:
        show_config(chosen)
        return
    transcribe_all(media, chosen, Terminal(quiet=quiet), yes=yes)
