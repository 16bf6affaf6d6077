"""Media behind an address, through yt-dlp: a file, a page with a player, a playlist, a podcast's feed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovw.errors import OvwError
from ovw.extras import require_extra
from ovw.network import LARGEST, Transfer, check_stray, require_online

DEEPEST_LIST = 3
"""Lists of lists are followed this far: a channel holds tabs, a tab holds videos."""
LONGEST_TITLE = 120
"""Bytes of a title kept in a file name."""


@dataclass(frozen=True)
class Remote:
    """One recording behind an address.

    Attributes:
        url: where it is.
        title: what the site calls it, fit for a file name.
        index: its place in the list at `url`, from 1; `None` when `url` leads to it alone.
    """

    url: str
    title: str
    index: int | None = None


def list_remote(url: str) -> list[Remote]:
    """The contents of an address: one recording, or every entry of a list.

    Raises:
        OvwError: yt-dlp is not installed, the address cannot be reached, or nothing there can be downloaded.
    """
    found = list(_list(url, depth=0))
    if not found:
        raise OvwError(f"{url}: holds no media", "open it in a browser to see what it is")
    return found


def _list(url: str, depth: int) -> Iterator[Remote]:
    with _session(url, {"extract_flat": "in_playlist"}) as session:
        info = session.extract_info(url, download=False)
    if "entries" not in info:
        _refuse_live(url, info)
        yield Remote(url, _file_name(info.get("title") or info["id"]))
        return
    for number, entry in enumerate(info["entries"], 1):
        if entry:
            yield from _entry(url, number, entry, depth)


def _entry(url: str, number: int, entry: dict[str, Any], depth: int) -> Iterator[Remote]:
    points_elsewhere = entry.get("_type") in ("url", "url_transparent") and entry.get("url")
    if points_elsewhere:
        check_stray(url, entry["url"])
    title = entry.get("title")
    if points_elsewhere and not title and depth < DEEPEST_LIST:
        try:
            yield from _list(entry["url"], depth + 1)
            return
        except OvwError:  # reported when its turn comes
            title = entry["url"].rstrip("/").rpartition("/")[2]
    named = _file_name(title or entry.get("id") or str(number))
    yield Remote(entry["url"], named) if points_elsewhere else Remote(url, named, number)


def download(
    remote: Remote, folder: Path, on_progress: Callable[[int, int | None], None] = lambda done, total: None
) -> Path:
    """Download the best sound of a recording, or the smallest file that holds it.

    Args:
        remote: what to download.
        folder: an empty one.
        on_progress: called with the bytes done and the bytes in all, if known.

    Raises:
        OvwError: the address cannot be reached, or nothing there can be downloaded.
    """
    transfer, seen = Transfer(remote.url, folder), 0

    def hook(status: dict[str, Any]) -> None:
        nonlocal seen
        done = status.get("downloaded_bytes") or 0
        transfer.advance(max(0, done - seen), done)
        seen = done
        on_progress(status.get("downloaded_bytes") or 0, status.get("total_bytes"))

    options: dict[str, Any] = {"paths": {"home": str(folder)}, "progress_hooks": [hook]}
    if remote.index is not None:
        options["playlist_items"] = str(remote.index)
    with _session(remote.url, options) as session:
        info = session.extract_info(remote.url, download=False)
        if "entries" in info:
            if remote.index is None:
                raise OvwError(f"{remote.url}: is a list of its own", "give its address by itself")
            info = next(iter(info["entries"]), None)
        if info is None:
            raise OvwError(f"{remote.url}: entry {remote.index} is gone", "the list has changed; try again")
        _refuse_live(remote.url, info)
        for form in (info, *(info.get("formats") or ())):
            if form.get("url"):
                check_stray(remote.url, form["url"])
        session.process_ie_result(info, download=True)
    files = [path for path in sorted(folder.iterdir()) if path.suffix not in (".part", ".ytdl")]
    if not files:
        raise OvwError(f"{remote.url}: nothing could be downloaded", "open it in a browser to see what it is")
    return files[0]


def _refuse_live(url: str, info: dict[str, Any]) -> None:
    if info.get("is_live"):
        raise OvwError(f"{url}: is a live stream", "wait until it has ended, or pipe it in: ovw transcribe -")


class _Silent:
    """yt-dlp's messages come back as exceptions; what it would print besides is dropped."""

    def debug(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...


@contextmanager
def _session(url: str, options: dict[str, Any]) -> Iterator[Any]:
    """A yt-dlp session whose failures are reported in one line."""
    require_online(url)
    require_extra("url")
    import yt_dlp

    common = {
        "format": "bestaudio/best",
        "outtmpl": "media.%(ext)s",
        "noplaylist": True,  # the address of a video within a list means the video
        "fixup": "never",  # would need the ffmpeg program
        "logger": _Silent(),
        "color": "never",
        "noprogress": True,
        "socket_timeout": 30,
        "max_filesize": LARGEST,
        "buffersize": 64,  # to begin with: a server that sends a byte a second is noticed within a minute or two
        "retries": 3,
        "cachedir": False,
    }
    try:
        with yt_dlp.YoutubeDL(common | options) as session:
            yield session
    except (yt_dlp.utils.YoutubeDLError, OSError, ValueError) as error:
        raise OvwError(
            f"{url}: {_reason(error)}", "check the address; pip install -U yt-dlp keeps up with sites"
        ) from None


def _reason(error: Exception) -> str:
    text = re.sub(r"^ERROR:\s*(\[[^\]]*\]\s*(\S+: )?)?", "", str(error)).strip()
    line = next(iter(text.splitlines()), "")
    return re.split(r" \(caused by |; please report|\. Use --", line)[0].strip(" .") or type(error).__name__


def _file_name(title: str) -> str:
    """A title without what file systems refuse."""
    clean = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]+', " ", title)
    clean = " ".join(clean.split()).strip(". ") or "untitled"
    return clean.encode("utf-8", "replace")[:LONGEST_TITLE].decode("utf-8", "ignore").strip(". ")
