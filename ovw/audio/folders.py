"""Folders of media files."""

from __future__ import annotations

import os
from pathlib import Path

from ovw.home import real_path

MEDIA_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".alac", ".amr", ".ape", ".asf", ".au", ".avi", ".awb",
    ".caf", ".divx", ".dts", ".dv", ".eac3", ".f4v", ".flac", ".flv", ".gsm", ".m2ts", ".m4a", ".m4b", ".m4v", ".mka",
    ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpc", ".mpeg", ".mpg", ".mpga", ".mts", ".mxf", ".nut", ".oga", ".ogg",
    ".ogm", ".ogv", ".opus", ".qt", ".ra", ".rm", ".rmvb", ".snd", ".spx", ".tak", ".ts", ".tta", ".vob", ".voc",
    ".w64", ".wav", ".weba", ".webm", ".wma", ".wmv", ".wv",
})  # fmt: skip
"""Endings taken from a folder; a file that is named itself may have any."""


def find_media(folder: Path) -> list[Path]:
    """Media files in a folder and those below it, sorted, files before folders; what is hidden is left out.

    Links to folders are followed to what is found nowhere else: a file goes by its own place, not by that of a link.
    """
    found: list[Path] = []
    seen: set[Path] = set()
    waiting = [folder]
    while waiting:
        for here, folders, files in os.walk(waiting.pop(0)):
            real = real_path(here)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if name[0] != ".")
            waiting += [path for name in folders if (path := Path(here) / name).is_symlink()]
            found += [Path(here) / name for name in files if _is_media(name)]
    return sorted(found, key=lambda path: (*((1, part) for part in path.parent.parts), (0, path.name)))


def _is_media(name: str) -> bool:
    return name[0] != "." and Path(name).suffix.lower() in MEDIA_SUFFIXES
