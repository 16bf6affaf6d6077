"""`ovw transcribe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ovw.cli import options
from ovw.subtitles import FORMATS

FORMATS_HELP = f"{', '.join(FORMATS).replace('srt', 'srt (default)', 1)} or all; may be repeated."


def run(
    media: Annotated[
        list[str],
        typer.Argument(help="Audio or video files, folders, .jsonl/.csv lists, http(s) addresses, or - for stdin."),
    ],
    model: options.Model = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", help=FORMATS_HELP),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Folder, or - to print. Default: beside the input.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="transcribe, or translate into English.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Code, name or locale; auto detects. Default: the artifact's, else auto.")
    ] = None,
    language_detection_segments: Annotated[
        int | None, typer.Option(help="Windows to detect it from. Default 1.")
    ] = None,
    language_detection_threshold: Annotated[
        float | None, typer.Option(help="Probability that decides. Default 0.5.")
    ] = None,
    multilingual: Annotated[bool, typer.Option("--multilingual", help="Detect it for every window.")] = False,
    beam_size: Annotated[int | None, typer.Option(help="Default 5; 1 is greedy.")] = None,
    patience: Annotated[float | None, typer.Option(help="Of the beam search. Default 1.")] = None,
    best_of: Annotated[int | None, typer.Option(help="Samples above temperature 0. Default 5.")] = None,
    length_penalty: Annotated[float | None, typer.Option(help="Alpha, 0 to 1. Default: by length.")] = None,
    repetition_penalty: Annotated[float | None, typer.Option(help="Above 1, repeated words get less likely.")] = None,
    no_repeat_ngram_size: Annotated[
        int | None, typer.Option(help="Runs of so many text tokens come once in a window.")
    ] = None,
    temperature: options.Temperature = None,
    temperature_increment_on_fallback: Annotated[
        str | None, typer.Option(help="Fall back from --temperature up to 1 in such steps; none: no fallback.")
    ] = None,
    compression_ratio_threshold: Annotated[
        str | None, typer.Option(help="Above it, text repeats itself; none: never. Default 2.4.")
    ] = None,
    logprob_threshold: Annotated[
        str | None, typer.Option(help="Below it, text is a guess; none: never. Default -1.")
    ] = None,
    no_speech_threshold: Annotated[
        str | None, typer.Option(help="Above it, a guess is silence; none: never. Default 0.6.")
    ] = None,
    condition_on_previous_text: Annotated[
        bool | None,
        typer.Option(
            "--condition-on-previous-text/--no-condition-on-previous-text",
            help="Prompt each window with the text before it. Default: yes.",
        ),
    ] = None,
    prompt_reset_on_temperature: Annotated[
        float | None, typer.Option(help="Text sampled above it prompts no window. Default 0.5.")
    ] = None,
    initial_prompt: Annotated[str | None, typer.Option(help="Names and spelling for the first window.")] = None,
    carry_initial_prompt: Annotated[
        bool, typer.Option("--carry-initial-prompt", help="Put it before every window.")
    ] = False,
    hotwords: Annotated[str | None, typer.Option(help="Words made likelier in every window.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Text that the first window begins with.")] = None,
    suppress_tokens: Annotated[
        str | None, typer.Option(help="Token ids with commas; -1: non-speech. Default -1.")
    ] = None,
    suppress_blank: Annotated[
        bool | None, typer.Option("--suppress-blank/--no-suppress-blank", help="Forbid an empty start. Default: yes.")
    ] = None,
    max_initial_timestamp: Annotated[
        str | None, typer.Option(help="Latest first timestamp of a window, in seconds; none: any. Default 1.")
    ] = None,
    without_timestamps: Annotated[
        bool, typer.Option("--without-timestamps", help="Text only, a cue a window.")
    ] = False,
    max_new_tokens: Annotated[int | None, typer.Option(help="In a window. Default 224.")] = None,
    word_timestamps: Annotated[bool, typer.Option("--word-timestamps", help="Give the time of each word.")] = False,
    prepend_punctuations: Annotated[str | None, typer.Option(help="Marks that belong to the word after.")] = None,
    append_punctuations: Annotated[str | None, typer.Option(help="Marks that belong to the word before.")] = None,
    hallucination_silence_threshold: Annotated[
        float | None, typer.Option(help="Seconds of silence to skip where text over it looks made up.")
    ] = None,
    clip_timestamps: Annotated[
        str | None, typer.Option(help="Start,end,start,... in seconds of what to transcribe. Default: all.")
    ] = None,
    vad: Annotated[bool | None, typer.Option("--vad/--no-vad", help="Leave out silence. Default: yes.")] = None,
    vad_threshold: Annotated[float | None, typer.Option(help="Probability of speech. Default 0.5.")] = None,
    vad_min_speech: Annotated[float | None, typer.Option(help="Seconds; shorter is noise. Default 0.1.")] = None,
    vad_min_silence: Annotated[float | None, typer.Option(help="Seconds; longer is left out. Default 5.")] = None,
    vad_pad: Annotated[float | None, typer.Option(help="Seconds kept around speech. Default 0.4.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Windows decoded together, cut at pauses. Default 1: one after the other.")
    ] = None,
    chunk_length: Annotated[
        float | None, typer.Option(help="Seconds of the longest window with --batch-size. Default 20.")
    ] = None,
    audio_context: options.AudioContext = None,
    pad: options.Pad = None,
    seed: Annotated[int | None, typer.Option(help="Of sampling. Default 0.")] = None,
    exact: options.Exact = False,
    device: options.Device = None,
    inference_precision: options.InferencePrecision = None,
    threads: options.Threads = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes, each with a model; files that are done already are left alone.")
    ] = None,
    ray: options.Ray = None,
    force: Annotated[bool, typer.Option("--force", help="With workers: do again what is done already.")] = False,
    overwrite: options.Overwrite = False,
    stream: options.Stream = None,
    audio_language: options.AudioLanguage = None,
    channel: Annotated[
        str | None, typer.Option(help="left, right, or each: outputs of every channel. Default: their mix.")
    ] = None,
    pcm: Annotated[
        str | None, typer.Option(help="Headerless samples on stdin: s16le, f32le, u8, s24le, s32le, mulaw or alaw.")
    ] = None,
    pcm_rate: Annotated[int | None, typer.Option(help="Their rate. Default 16000.")] = None,
    pcm_channels: Annotated[int | None, typer.Option(help="Their channels. Default 1.")] = None,
    max_line_width: Annotated[
        int | None, typer.Option(help="Columns of a subtitle line. Default: one line a segment.")
    ] = None,
    max_lines: options.MaxLines = None,
    max_words: options.MaxWords = None,
    min_cue: Annotated[float | None, typer.Option(help="Seconds a cue stays at least, if there is room.")] = None,
    max_cue: options.MaxCue = None,
    max_cps: Annotated[float | None, typer.Option(help="Characters to read per second, if there is room.")] = None,
    min_gap: Annotated[float | None, typer.Option(help="Seconds between cues.")] = None,
    highlight_words: Annotated[
        bool, typer.Option("--highlight-words", help="Underline the spoken word; needs --word-timestamps.")
    ] = False,
    embed: Annotated[
        bool, typer.Option("--embed", help="Also copy each video with the subtitles in it: NAME.subtitled.mp4.")
    ] = False,
    yes: options.Yes = False,
    config: Annotated[Path | None, typer.Option("--config", help="YAML with these options; flags win.")] = None,
    print_config: options.PrintConfig = False,
    quiet: options.Quiet = False,
) -> None:
    """Write subtitles for audio and video files."""
    from ovw.cli.transcription.config import TranscribeConfig
    from ovw.cli.transcription.sequential import transcribe_all
    from ovw.cli.values import check_exact, config_file, numbers, optional, temperatures
    from ovw.config import dump_yaml, resolve

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
        "vad_pad": vad_pad, "batch_size": batch_size, "chunk_length": chunk_length, "audio_context": audio_context,
        "pad": pad, "seed": seed,
        "exact": exact or None, "device": device, "inference_precision": inference_precision, "threads": threads,
        "workers": workers, "ray": ray, "force": force or None, "overwrite": overwrite or None,
        "stream": stream, "audio_language": audio_language,
        "channel": channel,
        "pcm": pcm, "pcm_rate": pcm_rate, "pcm_channels": pcm_channels,
        "max_line_width": max_line_width, "max_lines": max_lines, "max_words": max_words, "min_cue": min_cue,
        "max_cue": max_cue, "max_cps": max_cps, "min_gap": min_gap, "highlight_words": highlight_words or None,
        "embed": embed or None,
    }  # fmt: skip
    check_exact(flags)
    chosen = resolve(TranscribeConfig, flags, config_file("transcribe", config))
    if print_config:
        typer.echo(dump_yaml(chosen), nl=False)
        return
    transcribe_all(media, chosen, yes=yes, quiet=quiet)
