"""Any media to mono samples at 16 kHz, block by block, through FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from ovw.audio.choice import SoundChoice, Stream, as_choice, channel_name, choose_track, describe_tracks
from ovw.audio.completeness import missing_end
from ovw.audio.pipes import is_pipe
from ovw.audio.reading import MEDIA_ERRORS, Pcm, Source, choose_stream, duration_of, name_of, opened, start_of
from ovw.audio.resample import Resampler, in_blocks, silence
from ovw.audio.timeline import GAP_S, LOSS_S, Timeline
from ovw.errors import OvwError, reason

logger = logging.getLogger(__name__)

READ_ATTEMPTS = 8
"""Read errors in a row after which a container is given up."""
EARLY_END_S, EARLY_END_SHARE = 1.0, 0.02
"""Sound that ends earlier than its container claims, by more than both, is worth a warning."""
EXACT, EXACT_END_S = ("flac", "aiff", "wv"), 0.1
"""Containers that count their samples, and what may be missing of those at the end; a gap between them is a loss."""
ALONE, ALONE_END_S, ALONE_END_FRAMES = ("mov", "matroska"), 0.1, 2
"""Containers whose duration is that of their longest stream, and what may be missing of an only one: more than both."""
MISSING_S = 1.0
"""Pauses of the clock, together, that are worth a warning: damage that a container steps over looks like them."""
WITH_DURATION = ("mov", "matroska", "flac", "mp3", "asf", "avi", "flv", "aiff", "wv")
"""Containers that write down how long they are; for others FFmpeg guesses by the bit rate."""


def load_audio(source: Source | str, stream: Stream = None) -> NDArray[np.float32]:
    """Decode a whole file.

    Args:
        source: audio or video, anything FFmpeg reads.
        stream: which audio stream, counted from 0, or a fuller choice; by default the one a player would begin with.

    Returns:
        Samples in [-1, 1], shape [n], 16 kHz.

    Raises:
        OvwError: no such file, not media, no audio in it, or nothing that decodes.
    """
    return np.concatenate(list(stream_audio(source, stream)))


def stream_audio(source: Source | str, stream: Stream = None, pcm: Pcm | None = None) -> Iterator[NDArray[np.float32]]:
    """Decode block by block, in memory that does not depend on the length.

    Sound keeps its time: what is lost to damage, pauses of the clock and a start after the picture become silence.
    Damage is logged as one warning when the end is reached.

    Args:
        source: a file or an open binary file, which need not seek; it is read from where it stands, and if it can seek
            it is back there afterwards.
        stream: which audio stream, counted from 0, or a fuller choice; by default the one a player would begin with.
        pcm: the layout of headerless samples, if that is what the source holds.

    Yields:
        Samples in [-1, 1], 16 kHz mono: one to two seconds, the last block maybe less.

    Raises:
        OvwError: as `load_audio`.
    """
    source = Path(source) if isinstance(source, str) else source
    name, choice = name_of(source), as_choice(stream)
    with opened(source, pcm) as container:
        reader = _Reader(container, choose_stream(container, name, choice), choice.channel)
        if not isinstance(source, Path) or is_pipe(source):
            _report_tracks(container, name, choice)
        blocks = in_blocks(reader.pieces())
        if (first := next(blocks, None)) is None:
            raise OvwError(f"{name}: no audio could be decoded", "it may be empty or incomplete")
        yield first
        yield from blocks
        if (instead := reader.used_instead) is not None:
            side = channel_name(instead)
            logger.warning("%s: its channels cancel each other, the %s one is used alone", name, side)
        trouble = reader.trouble()
    if trouble := trouble or missing_end(source):
        logger.warning("%s: %s", name, trouble)


def media_duration(path: Path, stream: Stream = None, *, report: bool = False) -> float | None:
    """Seconds of sound by the container's own account: right for whole files, an estimate for some formats.

    Args:
        path: audio or video.
        stream: which audio stream, counted from 0, or a fuller choice; by default the one a player would begin with.
        report: name the tracks in a log line where there are several to choose from.

    Raises:
        OvwError: as `load_audio`.
    """
    choice = as_choice(stream)
    with opened(path) as container:
        if report:
            _report_tracks(container, str(path), choice)
        return duration_of(container, choose_stream(container, str(path), choice))


def channels_of(path: Path, stream: Stream = None) -> int:
    """Channels of the sound of a file; raises as `load_audio`."""
    with opened(path) as container:
        codec = choose_stream(container, str(path), as_choice(stream)).codec_context
        return codec.channels if codec else 0


def _report_tracks(container: InputContainer, name: str, choice: SoundChoice) -> None:
    """Name the audio tracks of a file that has several, unless one was asked for by its number."""
    tracks = container.streams.audio
    if len(tracks) > 1 and choice.stream is None:
        used = tracks.index(choose_track(tracks, choice, name))
        logger.warning(
            "%s: %d audio tracks: %s; %d is used, --stream or --audio-language choose",
            name, len(tracks), describe_tracks(tracks), used,
        )  # fmt: skip


@dataclass
class _Damage:
    broke_off: bool = False
    read_error: str = ""
    packets: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    missing: float = 0.0
    missing_at: float = 0.0

    def lose_packet(self, position: float) -> None:
        if not self.packets:
            self.first_at = position
        self.packets += 1
        self.last_at = position

    def lose_time(self, position: float, seconds: float) -> None:
        if not self.missing:
            self.missing_at = position
        self.missing += seconds


class _Reader:
    """Reads one stream to its end, past everything that can be passed over."""

    def __init__(self, container: InputContainer, stream: AudioStream, channel: int | None) -> None:
        self._resample = Resampler(channel)
        self._container, self._stream = container, stream
        limit = container.duration / av.time_base if container.duration else None
        self._is_exact = container.format.name.startswith(EXACT)
        self._timeline = Timeline(start_of(container), limit)
        if self._is_exact:
            self._timeline.tolerance = LOSS_S
        self._damage = _Damage()
        self._frame_s = 0.0

    def pieces(self) -> Iterator[NDArray[np.float32]]:
        """Sound and the silence between, as it comes."""
        resample = self._resample
        for frame, following in _with_next_time(self._frames()):
            position, self._frame_s = self._timeline.position, frame.samples / frame.sample_rate
            gap = self._timeline.place(frame.time, self._frame_s, following)
            if gap:
                if position:  # else it starts later than the picture
                    self._damage.lose_time(position, gap)
                yield from resample.flush()
                yield from silence(gap)
            yield from resample(frame)
        yield from resample.flush()

    @property
    def used_instead(self) -> int | None:
        """The channel that was used since the mix cancels; `None` if the mix was used."""
        return self._resample.mix.instead

    def trouble(self) -> str:
        """The problem, once the end is reached, and why an open file could not be read; empty when there was none."""
        loss, read_error = self._loss(), self._damage.read_error
        return f"{loss}; reading failed: {read_error}" if loss and read_error else loss

    def _loss(self) -> str:
        """The sound that is missing, described; empty if none is."""
        end, damage = self._timeline.position, self._damage
        claimed = duration_of(self._container, self._stream) or 0.0
        form = self._container.format.name
        allowed = max(EARLY_END_S, EARLY_END_SHARE * claimed)
        if self._is_exact:
            allowed = EXACT_END_S
        elif form.startswith(ALONE) and len(self._container.streams) == 1:
            allowed = min(allowed, max(ALONE_END_S, ALONE_END_FRAMES * self._frame_s))
        if claimed - end > allowed and form.startswith(WITH_DURATION):
            less = f" ({claimed - end:.1f} s less)" if claimed - end < EARLY_END_S else ""
            return f"its sound ends at {_clock(end)}, its header claims {_clock(claimed)}{less}"
        if damage.broke_off or (damage.packets and damage.last_at > end - GAP_S):
            return f"damaged after {_clock(end)}, transcribed up to there"
        if damage.packets:
            return f"damaged from {_clock(damage.first_at)} on ({damage.packets} packets), silence stands for the loss"
        if damage.missing >= (LOSS_S if self._is_exact else MISSING_S):
            return f"no sound for {damage.missing:.1f} s from {_clock(damage.missing_at)} on, silence stands for it"
        return ""

    def _frames(self) -> Iterator[AudioFrame]:
        for packet in self._packets():
            try:
                yield from self._stream.decode(packet)
            except MEDIA_ERRORS:
                if self._timeline.position:  # else it starts in the middle of a transmission, which is no damage
                    self._damage.lose_packet(self._timeline.position)
                    self._timeline.tolerance = LOSS_S

    def _packets(self) -> Iterator[Packet[AudioStream] | None]:
        """Packets, and `None` at the end to drain the decoder."""
        failures = 0
        while failures < READ_ATTEMPTS:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    if packet.size:
                        yield packet
                break
            except IndexError:  # PyAV at the end of a container to which damage has added streams
                break
            except av.error.ExitError:  # nothing was found for `STALLED_S`, which would be so again
                failures = READ_ATTEMPTS
            except MEDIA_ERRORS as error:
                failures += 1
                if isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError):  # FFmpeg's mean damage
                    self._damage.read_error = reason(error)
        self._damage.broke_off = failures == READ_ATTEMPTS
        yield None


def _with_next_time(frames: Iterator[AudioFrame]) -> Iterator[tuple[AudioFrame, float | None]]:
    """Every frame with the clock reading of the one after it."""
    frame = next(frames, None)
    while frame is not None:
        following = next(frames, None)
        yield frame, following.time if following else None
        frame = following


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
