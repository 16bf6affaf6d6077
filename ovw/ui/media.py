"""Media of a user: a file or an address; and whether a browser can show it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ovw.audio.inputs import expand, fetched
from ovw.audio.reading import opened
from ovw.errors import OvwError
from ovw.network import addresses_of, split_address
from ovw.text_files import refuse_text

SHOWN = (".mp4", ".m4v", ".webm", ".mov", ".ogv")
"""Containers that browsers play."""
WANTED = "drop a video or audio file, record, or paste an address"


def chosen_media(upload: str | None, address: str, folder: Path, *, local: bool) -> Path:
    """The file to transcribe.

    Args:
        upload: path of an uploaded file, or of a recording.
        address: of a page or a file.
        folder: an empty one, for what comes from the address.
        local: whether only this machine's user can ask.

    Raises:
        OvwError: nothing or two things were given, or the address may not or cannot be read.
    """
    if upload and address.strip():
        raise OvwError("there is a file and an address", "clear one of them")
    if upload:
        refuse_text(Path(upload))
        return Path(upload)
    if not address.strip():
        raise OvwError("there is nothing to transcribe yet", WANTED)
    check_address(address.strip(), local=local)
    inputs, problems = expand([address.strip()])
    if problems or not inputs:
        raise problems[0] if problems else OvwError(f"nothing was found at {address}", WANTED)
    with fetched(inputs[0]) as file:
        kept = folder / f"{inputs[0].stem}{file.suffix}"
        return Path(shutil.move(file, kept))


def check_address(address: str, *, local: bool) -> None:
    """Refuse what is no web address, and for users of other machines addresses within this network.

    Raises:
        OvwError: why it is refused.
    """
    parts = split_address(address)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise OvwError(f"'{address}' is no web address", "it begins with https://")
    if local:
        return
    if not (addresses := addresses_of(parts.hostname)):
        raise OvwError(f"{parts.hostname} is not known", "check the address")
    if not all(address.is_global for address in addresses):
        raise OvwError(f"{parts.hostname} is within this network and is not read", "give a public address")


def has_picture(media: Path) -> bool:
    """Whether a browser can show this file as a video."""
    if media.suffix.lower() not in SHOWN:
        return False
    try:
        with opened(media) as container:
            return bool(container.streams.video)
    except OvwError:
        return False
