"""Which sound of a file is transcribed: the track that a player would play, another one, or one of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from av.audio.stream import AudioStream
from av.stream import Disposition

from ovw.errors import OvwError, UsageError, quoted
from ovw.models import known_language

SIDES = ("left", "right")
NO_DIALOGUE = Disposition.visual_impaired | Disposition.hearing_impaired | Disposition.comment | Disposition.karaoke
"""Tracks made for few, which players do not begin with."""


@dataclass(frozen=True)
class SoundChoice:
    """The choice from a file that may hold several tracks and channels.

    Attributes:
        stream: number of the audio track, from 0; by default the one a player would begin with.
        language: of the track, as a code, locale or name.
        channel: number of the channel, from 0; all of them mixed if not given.
    """

    stream: int | None = None
    language: str | None = None
    channel: int | None = None


Stream = int | SoundChoice | None
"""A track by its number, or a fuller choice."""
DEFAULT = SoundChoice()


def as_choice(stream: Stream) -> SoundChoice:
    """A choice that may be given as the number of a track alone.

    Raises:
        UsageError: something else.
    """
    if stream is not None and type(stream) is not int and not isinstance(stream, SoundChoice):
        raise UsageError(f"stream is {quoted(stream)}", "give the number of a track, or a SoundChoice")
    return stream if isinstance(stream, SoundChoice) else SoundChoice(stream)


def choose_track(tracks: Sequence[AudioStream], choice: SoundChoice, name: str) -> AudioStream:
    """The audio track that is meant.

    Args:
        tracks: of the file, at least one.
        choice: what was asked for.
        name: of the file, for messages.

    Raises:
        OvwError: there is no such track or channel.
    """
    chosen = _numbered(tracks, choice, name)
    channels = chosen.codec_context.channels if chosen.codec_context else 0
    if choice.channel is not None and channels and choice.channel >= channels:
        raise OvwError(
            f"{name}: has no channel {channel_name(choice.channel)}", f"its sound has {channels}; leave out --channel"
        )
    return chosen


def _numbered(tracks: Sequence[AudioStream], choice: SoundChoice, name: str) -> AudioStream:
    if choice.stream is not None:
        if not 0 <= choice.stream < len(tracks):
            raise OvwError(f"{name}: has no audio stream {choice.stream}", f"it has {len(tracks)}, counted from 0")
        return tracks[choice.stream]
    return max(_in_language(tracks, choice.language, name), key=_rank)  # the first of several


def _in_language(tracks: Sequence[AudioStream], language: str | None, name: str) -> Sequence[AudioStream]:
    """The tracks in a language; all of them where none is asked for, or none is labelled with one."""
    if language is None or not any(map(_language, tracks)):
        return tracks
    found = [track for track in tracks if _language(track) == known_language(language)]
    if not found:
        raise OvwError(f"{name}: has no audio track in '{language}'", f"it has {describe_tracks(tracks)}")
    return found


def _rank(track: AudioStream) -> tuple[bool, bool, bool]:
    """The order of FFmpeg and players: it can be decoded, it is the main programme, it is marked as default."""
    special, default = track.disposition & NO_DIALOGUE, track.disposition & Disposition.default
    return track.codec_context is not None, not special, bool(default)


def _language(track: AudioStream) -> str | None:
    return known_language(track.metadata.get("language", ""))


def describe_tracks(tracks: Sequence[AudioStream]) -> str:
    """`0 de (Deutsch), 1 en (default), 2`."""
    return ", ".join(f"{number}{_traits(track)}" for number, track in enumerate(tracks))


def _traits(track: AudioStream) -> str:
    title = track.metadata.get("title", "")
    default = "default" if track.disposition & Disposition.default else ""
    extra = ", ".join(filter(None, (title, default)))
    language = _language(track) or track.metadata.get("language", "")
    return (f" {language}" if language else "") + (f" ({extra})" if extra else "")


def channel_name(channel: int) -> str:
    """`left`, `right`, then `channel3` and so on."""
    return SIDES[channel] if channel < len(SIDES) else f"channel{channel + 1}"
