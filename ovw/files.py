"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from ovw.errors import OvwError


def write_whole(target: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, in one step: readers see the old one or the new one, never half, power cut or not.

    Raises:
        OvwError: the disk refuses.
    """
    scratch = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        with scratch.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(target)
    except OSError as error:
        raise OvwError(f"cannot write {target}: {error.strerror}", "choose another folder with -o") from None
    finally:
        scratch.unlink(missing_ok=True)
