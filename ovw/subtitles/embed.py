"""A subtitle track in a copy of a video: every stream is copied as it is, nothing is encoded anew."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from ovw.audio.reading import MEDIA_ERRORS, opened
from ovw.errors import OvwError, reason
from ovw.files import name_problem, scratch_beside
from ovw.models import TrackForm, track_language
from ovw.subtitles.ass import HEADER
from ovw.subtitles.cues import MS, Cue
from ovw.subtitles.srt import break_tags
from ovw.subtitles.vtt import escaped

logger = logging.getLogger(__name__)

MARK = "Subtitles by ovw"
"""Title and handler of our track, by which copies are known."""
KEPT = ("video", "audio", "subtitle", "attachment")
LONGEST_PAYLOAD = 0xFFFF


@dataclass(frozen=True)
class Track:
    """The subtitle track of a container.

    Attributes:
        container: FFmpeg's name of it.
        codec: FFmpeg's name of the subtitles.
        payload: the bytes of a cue's text.
        language: form in which it takes the language.
    """

    container: str
    codec: str
    payload: Callable[[str], bytes]
    language: TrackForm = "bibliographic"

    @property
    def is_quicktime(self) -> bool:
        """MP4 and its kin: codecs have tags, and the index is best in front."""
        return self.codec == "mov_text"


def _timed_text(text: str) -> bytes:
    """3GPP timed text: the length in bytes, then the text."""
    data = text.encode()[:LONGEST_PAYLOAD].decode(errors="ignore").encode()
    return struct.pack(">H", len(data)) + data


TRACKS = {
    ".mp4": Track("mp4", "mov_text", _timed_text, "terminology"),
    ".m4v": Track("mp4", "mov_text", _timed_text, "terminology"),
    ".mov": Track("mov", "mov_text", _timed_text, "quicktime"),
    ".mkv": Track("matroska", "subrip", lambda text: break_tags(text).encode()),
    ".webm": Track("webm", "webvtt", lambda text: escaped(text).encode()),
}


def copy_name(video: Path) -> str:
    """The name of a video's copy with subtitles."""
    return f"{video.stem}.subtitled{video.suffix}"


def plan_embedding(video: Path | None, label: str, folder: Path, *, overwrite: bool = False) -> Path:
    """Where the copy with subtitles goes: `<stem>.subtitled.<ext>`.

    Args:
        video: the file; `None` if the input is none.
        label: what messages call the input.
        folder: for the copy.
        overwrite: whether the copy may be there already.

    Raises:
        OvwError: there is no file to copy, it cannot hold subtitles, or the copy exists.
    """
    if video is None:
        raise OvwError(f"{label}: subtitles can be embedded only in a file that is here", "download it first")
    track_of(video)
    target = folder / copy_name(video)
    if problem := name_problem(target):
        raise OvwError(f"{target} cannot be written: {problem}", "shorten the name, or choose another folder with -o")
    _check(video, target, overwrite=overwrite)
    return target


def is_output(media: Path) -> bool:
    """Whether a file is a copy that `embed_subtitles` made, whatever it is called; False for what cannot be read."""
    if media.suffix.lower() not in TRACKS or not media.is_file():
        return False
    try:
        with opened(media) as source:
            return any(MARK in stream.metadata.values() for stream in source.streams.subtitles)
    except OvwError:
        return False


def track_of(video: Path) -> Track:
    """The kind of track that a container takes, by the ending of a file.

    Raises:
        OvwError: it cannot hold them.
    """
    track = TRACKS.get(video.suffix.lower())
    if track is None:
        raise OvwError(f"{video} cannot hold a subtitle track", f"these can: {', '.join(TRACKS)}")
    return track


def _check(video: Path, target: Path, *, overwrite: bool) -> Track:
    track = track_of(target)
    if target.exists() and (not overwrite or target.samefile(video)):
        raise OvwError(
            f"{target} exists and would be overwritten",
            "move it away, choose another folder with -o, or give --overwrite",
        )
    return track


def embed_subtitles(video: Path, cues: Sequence[Cue], target: Path, language: str, *, overwrite: bool = False) -> None:
    """Copy a video and add a track of plain text subtitles, which players can switch on and off.

    Args:
        video: the file to copy; it is never changed.
        cues: in time order.
        target: the copy; its ending selects the container.
        language: code, as Whisper has it.
        overwrite: whether `target` may be replaced.

    Raises:
        OvwError: the container cannot hold subtitles, the target exists, or the copy fails.
    """
    track = _check(video, target, overwrite=overwrite)
    options = {"movflags": "+faststart"} if track.is_quicktime else {}
    try:
        with scratch_beside(target) as scratch:
            with (
                opened(video) as source,
                av.open(f"file:{scratch}", "w", format=track.container, container_options=options) as out,
            ):
                copies = _add_copies(source, out, track, _covers(video) if track.container == "matroska" else {})
                subtitles = _add_track(source, out, track, language)
                texts = [_packet(cue, subtitles, track, _origin_ms(source)) for cue in cues]
                for packet in merge(_packets(source, copies), texts, key=_decoding_time):
                    out.mux(packet)
            _check(video, target, overwrite=overwrite)
            scratch.replace(target)
    except MEDIA_ERRORS as error:
        raise OvwError(
            f"cannot write {target}: {reason(error)}", "the subtitle files can be used beside the video"
        ) from None


def _add_copies(
    source: InputContainer, out: OutputContainer, track: Track, covers: dict[int, bytes]
) -> dict[int, Stream]:
    """Streams like those of the source, by its indices; covers become attachments, timed data is left out."""
    out.metadata.update(source.metadata)
    out.set_chapters(source.chapters())
    copies = {}
    for stream in source.streams:
        if stream.index in covers:
            name, kind = (stream.metadata.get(key, "") for key in ("filename", "mimetype"))
            out.add_attachment(name, kind, covers[stream.index])
        elif stream.type in KEPT:
            copies[stream.index] = _add_copy(source, out, track, stream)
        else:
            logger.warning("%s: stream %d holds %s, which is not copied", source.name, stream.index, stream.type)
    return copies


def _add_copy(source: InputContainer, out: OutputContainer, track: Track, stream: Stream) -> Stream:
    copy = out.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    # some players refuse HEVC under another tag than it had
    if track.is_quicktime and "mp4" in source.format.name and stream.codec_context is not None:
        copy.codec_context.codec_tag = stream.codec_context.codec_tag
    return copy


def _covers(video: Path) -> dict[int, bytes]:
    """The pictures that are no film, by the index of their stream: in Matroska these are attachments."""
    found: dict[int, bytes] = {}
    with opened(video) as source:
        pictures = [s for s in source.streams.video if s.disposition & Disposition.attached_pic]
        for packet in source.demux(pictures) if pictures else ():
            found.setdefault(packet.stream.index, bytes(packet))
            if len(found) == len(pictures):
                break
    return found


def _add_track(source: InputContainer, out: OutputContainer, track: Track, language: str) -> Stream:
    """An empty subtitle track, shown by default if there is no other."""
    subtitles = cast("SubtitleStream", out.add_stream(track.codec))
    subtitles.codec_context.subtitle_header = HEADER.format(title="").encode()  # the encoder starts only with a style
    subtitles.time_base = Fraction(1, MS)
    subtitles.metadata.update({"title": MARK, "handler_name": MARK})
    subtitles.metadata["language"] = track_language(language, track.language)
    if not any(stream.disposition & Disposition.default for stream in source.streams.subtitles):
        subtitles.disposition = Disposition.default
    return subtitles


def _origin_ms(source: InputContainer) -> int:
    """The clock reading at which the media starts; cues count from there."""
    return round(Fraction(source.start_time or 0, av.time_base) * MS)


def _packet(cue: Cue, stream: Stream, track: Track, origin_ms: int) -> Packet[Stream]:
    packet = Packet(track.payload(cue.text))
    packet.stream = stream
    packet.time_base = Fraction(1, MS)
    packet.pts = packet.dts = cue.start_ms + origin_ms
    packet.duration = cue.end_ms - cue.start_ms
    packet.is_keyframe = True
    return packet


def _packets(source: InputContainer, copies: dict[int, Stream]) -> Iterator[Packet[Stream]]:
    """The packets of the streams that are copied.

    Matroska does not store decoding times, and FFmpeg does not know them for the first frames of a video with
    B-frames: these packets wait for the first that has one and get times just before it.
    """
    waiting: dict[int, list[Packet[Stream]]] = {index: [] for index in copies}
    for packet in source.demux([source.streams[index] for index in copies]):
        index = packet.stream.index
        if packet.dts is None:
            if packet.size:
                waiting[index].append(packet)
            continue
        yield from _released(waiting[index], packet.dts, copies[index])
        packet.stream = copies[index]
        yield packet
    for index, packets in waiting.items():
        yield from _released(packets, min((p.pts or 0 for p in packets), default=0), copies[index])


def _decoding_time(packet: Packet[Stream]) -> Fraction:
    return (packet.dts or 0) * packet.time_base


def _released(packets: list[Packet[Stream]], first: int, copy: Stream) -> Iterator[Packet[Stream]]:
    for before, packet in zip(range(len(packets), 0, -1), packets, strict=True):
        packet.dts = first - before
        packet.pts = packet.dts if packet.pts is None else packet.pts
        packet.stream = copy
        yield packet
    packets.clear()
