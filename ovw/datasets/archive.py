"""Files inside a tar archive, compressed or not, without unpacking it."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tarfile import EOFHeaderError, HeaderError, ReadError  # type: ignore[attr-defined]

from ovw.errors import OvwError, reason

BLOCK = 1 << 20
LARGEST_MEMBER = 1 << 30
"""Bytes; a member is read whole, and a header can claim any size."""
LONGEST_PADDING = 1 << 26
"""Bytes behind the last member: writers fill a block or a tape's record."""
DAMAGE = (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""Errors of reading a damaged archive."""
ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_archive(path: Path) -> bool:
    """Whether the file is named like an archive."""
    return path.name.endswith(ENDINGS)


class _Member(tarfile.TarInfo):
    """Takes nothing but the mark at an archive's end for its end; `tarfile` does so with a damaged header, too."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Member:
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            raise
        except HeaderError as error:
            raise ReadError(f"{error}, at byte {tarfile.offset}") from None


class Archive:
    """The files of a tar archive.

    Listing reads the archive once; reading the files in listed order reads it once more, in bounded memory. Any other
    order works too, at the price of starting a compressed archive anew.

    Raises:
        OvwError: no such file, no archive, or one that is cut off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._tar = tarfile.open(path, tarinfo=_Member)  # noqa: SIM115, read from for as long as its utterances are
            try:
                self._members = [member for member in self._tar.getmembers() if member.isfile()]
                self._check_to_the_end()
            except BaseException:
                self._tar.close()
                raise
        except FileNotFoundError:
            raise OvwError(f"{path}: no such file", "check --data") from None
        except DAMAGE as error:
            raise OvwError(f"{path} is not a whole archive: {reason(error)}", "fetch it again") from None

    def names(self) -> list[str]:
        """Paths inside the archive, in its order."""
        return [member.name.removeprefix("./") for member in self._members]

    def readers(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        """Every file as path and a way to read it, in the archive's order."""
        for name, member in zip(self.names(), self._members, strict=True):
            yield name, lambda member=member: self._read(member)  # type: ignore[misc]

    def _check_to_the_end(self) -> None:
        """Read what is left after the last member: the checksums of the compression stand at its end."""
        assert self._tar.fileobj is not None
        for _ in range(LONGEST_PADDING // BLOCK):
            if not self._tar.fileobj.read(BLOCK):
                return
        raise ReadError(f"more than {LONGEST_PADDING} bytes follow its end")

    def _read(self, member: tarfile.TarInfo) -> bytes:
        where = f"{self.path}!{member.name}"
        if member.size > LARGEST_MEMBER:
            raise OvwError(f"{where}: {member.size} bytes, at most {LARGEST_MEMBER} are read", "unpack the archive")
        try:
            stream = self._tar.extractfile(member)
            assert stream is not None  # only files are listed
            return stream.read()
        except DAMAGE as error:
            raise OvwError(f"{where}: {reason(error)}", "fetch the archive again") from None

    def close(self) -> None:
        self._tar.close()
