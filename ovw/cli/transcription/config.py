"""The configuration of `ovw transcribe`: decoding, subtitle layout and everything around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from ovw.audio.choice import SIDES, SoundChoice
from ovw.choices import Channel, PcmFormat, Quality
from ovw.config import as_list
from ovw.errors import UsageError, did_you_mean
from ovw.models import find_language
from ovw.scale.config import RunConfig
from ovw.subtitles import FORMATS
from ovw.subtitles.options import LayoutOptions


def _formats(value: Any) -> Any:
    """Names of formats, each once; `all` stands for all of them."""
    names = as_list(value)
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return names
    chosen = tuple(dict.fromkeys(name for given in names for name in (FORMATS if given == "all" else [given])))
    if unknown := [name for name in chosen if name not in FORMATS]:
        raise UsageError(f"no format '{unknown[0]}'", did_you_mean(unknown[0], [*FORMATS, "all"]))
    return chosen


QUALITIES: dict[str, dict[str, Any]] = {
    "fast": {"exact": False, "beam_size": 1},
    "balanced": {"exact": False},
    "exact": {"exact": True},
}
"""Options that a quality stands for, where they are not given."""


def with_quality(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options with those that `quality` stands for; `exact` alone is a quality too.

    Of a command line they so win over a configuration file, which may set what they stand for, or the other of the two.

    Args:
        given: by name, without those that are not given; they stay as they are.
    """
    if given.get("exact") is True and "quality" not in given:
        return {**given, "quality": "exact"}
    return {**QUALITIES.get(str(given.get("quality")), {}), **given}


class TranscribeConfig(RunConfig, LayoutOptions):
    """The options of `ovw transcribe`, from a command line or a YAML file."""

    quality: Quality = "balanced"
    """One word for the balance of speed and accuracy."""

    format: Annotated[tuple[str, ...], BeforeValidator(_formats)] = ("srt",)
    """Files to write; `all` for one of each."""
    embed: bool = False
    """Copy each video with the subtitles as a track of it."""
    output: str | None = None
    """A folder, or `-` for standard output; by default beside the input."""
    stream: int | None = Field(default=None, ge=0)
    """Which audio stream, counted from 0; by default the one that a player would begin with."""
    audio_language: str | None = None
    """Take the audio stream in this language."""
    channel: Channel | None = None
    """One channel in place of the mix, or `each` for outputs of every channel (calls)."""
    pcm: PcmFormat | None = None
    """Layout of headerless samples on standard input; by default it holds a container."""
    pcm_rate: int = Field(default=16_000, ge=1000, le=10_000_000)
    """Samples per second of headerless samples."""
    pcm_channels: int = Field(default=1, ge=1, le=32)
    """Channels of headerless samples, interleaved."""
    force: bool = False
    """With workers: do again what is done already."""

    overwrite: bool = False
    """Replace files that ovw did not write, or that were edited since, and copies with subtitles."""

    @classmethod
    def not_overruled(cls, stored: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a file that flags leave as they are; `--no-exact` alone revokes `quality: exact` too."""
        left = super().not_overruled(stored, flags)
        if flags.get("exact") is False and left.get("quality") == "exact":
            del left["quality"]
        return left

    @model_validator(mode="before")
    @classmethod
    def _of_quality(cls, given: dict[str, Any]) -> dict[str, Any]:
        return with_quality(given)

    @model_validator(mode="after")
    def _check_together(self) -> TranscribeConfig:
        if self.quality != "balanced" and self.exact != (self.quality == "exact"):
            raise ValueError(f"quality {self.quality} and exact contradict each other: leave out one of them")
        if self.highlight_words and not self.word_timestamps:
            raise ValueError("highlight_words needs word_timestamps: add --word-timestamps")
        if self.audio_language and self.stream is not None:
            raise ValueError("stream and audio_language both choose the track: leave out one of them")
        if self.audio_language:
            find_language(self.audio_language)
        if not (self.format or self.embed):
            raise ValueError("format is empty, so nothing would be written: leave it out for srt")
        if self.embed and self.channel == "each":
            raise ValueError("embed puts one subtitle track into a video: leave it out, or choose one channel")
        if self.embed and self.output == "-":
            raise ValueError("embed copies videos, which standard output does not take: name a folder with --output")
        if self.output == "-" and len(self.format) > 1:
            raise ValueError(f"standard output takes one format, not {', '.join(self.format)}: name a folder instead")
        if self.in_bulk and self.output == "-":
            raise ValueError("workers write files, nothing to standard output: name a folder with --output")
        if self.force and not self.in_bulk:
            raise ValueError("without workers nothing is skipped: leave out --force; --overwrite replaces edited files")
        return self

    def sound(self) -> SoundChoice:
        """The track and the channel to take; with `each`, every input names its channel."""
        channel = SIDES.index(self.channel) if self.channel in SIDES else None
        return SoundChoice(self.stream, self.audio_language, channel)

    @property
    def in_bulk(self) -> bool:
        """Whether this is a job for workers, to be taken up where it was interrupted."""
        return self.workers is not None or self.ray is not None

    def layout(self) -> LayoutOptions:
        """The layout options alone."""
        return self.part(LayoutOptions)
