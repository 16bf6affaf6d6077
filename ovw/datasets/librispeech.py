"""LibriSpeech (Panayotov et al., 2015): the official folder, or the OpenSLR archive as it was fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ovw.datasets.archive import Archive, is_archive
from ovw.datasets.hub import HubDataset
from ovw.datasets.utterance import Dataset, Item, Utterance
from ovw.errors import OvwError, UsageError, did_you_mean
from ovw.home import real_path
from ovw.text_files import decode_text, read_text

DEFAULT_SPLIT = "test-clean"
SPLITS = (
    "test-clean", "test-other", "dev-clean", "dev-other", "train-clean-100", "train-clean-360", "train-other-500",
)  # fmt: skip
P = TypeVar("P", str, Path)
HUB = "openslr/librispeech_asr"
HOW_TO_GET = "fetch {split}.tar.gz from openslr.org/12 and give it with --data; it need not be unpacked"


def open_named(data: Path | None, split: str | None, languages: Sequence[str] = ()) -> Dataset:
    """LibriSpeech from this machine, or from the Hub where no data is given; all of it is English.

    Raises:
        UsageError: no such split, or data that does not hold it.
        OvwError: the archive is damaged, or the Hub cannot be reached.
    """
    return _from_hub(split or DEFAULT_SPLIT) if data is None else open_librispeech(data, split)


def _from_hub(split: str) -> Dataset:
    if split not in SPLITS:
        raise UsageError(f"LibriSpeech has no split '{split}'", did_you_mean(split, SPLITS))
    kind, _, rest = split.partition("-")
    hub_split = f"{kind if kind != 'dev' else 'validation'}.{rest.replace('-', '.')}"
    hint = HOW_TO_GET.format(split=split)
    return HubDataset(HUB, "all", hub_split, f"librispeech {split}", "en", or_else=hint)


def open_librispeech(data: Path, split: str | None) -> Dataset:
    """LibriSpeech on this machine.

    Args:
        data: the folder `LibriSpeech` or the one it lies in, a split's own folder, an archive, or a folder of archives.
        split: such as `test-other`; by default the only one there, else `test-clean`.

    Raises:
        UsageError: the data does not hold the split.
        OvwError: the archive is damaged.
    """
    if is_archive(data):
        return LibriSpeechArchive(data, _choose(split, archive_splits(data), data))
    archives = {name: path for path in data.glob("*.tar*") for name in [path.name.split(".")[0]] if is_archive(path)}
    folders = _split_folders(data)
    chosen = _choose(split, [*folders, *archives], data)
    return (
        LibriSpeechFolder(folders[chosen], chosen)
        if chosen in folders
        else LibriSpeechArchive(archives[chosen], chosen)
    )


def is_librispeech(folder: Path) -> bool:
    """Whether a folder is laid out as LibriSpeech or as a split of it."""
    return bool(_split_folders(folder))


@dataclass(frozen=True)
class _LibriSpeech:
    path: Path
    split: str
    streamed = False

    @property
    def name(self) -> str:
        return f"librispeech {self.split}"


class LibriSpeechFolder(_LibriSpeech):
    """`test-clean/61/70968/61-70968-0000.flac`, with `61-70968.trans.txt` beside it."""

    @property
    def origin(self) -> str:
        return f"folder {self.path}"

    def __iter__(self) -> Iterator[Item]:
        for transcript in sorted(self.path.rglob("*.trans.txt")):
            for key, text in _lines(_text(read_text, transcript)):
                audio = transcript.parent / f"{key}.flac"
                yield Utterance(key, audio, str(audio), text, "en", key.split("-")[0])


class LibriSpeechArchive(_LibriSpeech):
    """A split inside `test-clean.tar.gz`; the texts are read first, then clip after clip in the archive's order."""

    @property
    def origin(self) -> str:
        return f"archive {self.path}"

    def __iter__(self) -> Iterator[Item]:
        archive = Archive(self.path)
        files = {name: read for name, read in archive.readers() if self.split in PurePosixPath(name).parts}
        texts = {
            str(PurePosixPath(name).parent / f"{key}.flac"): text
            for name, read in files.items()
            if name.endswith(".trans.txt")
            for key, text in _lines(_text(partial(decode_text, read()), f"{self.path}!{name}"))
        }
        in_order = [name for name in files if name in texts] + [name for name in texts if name not in files]
        for name in in_order:
            key = PurePosixPath(name).stem
            location = f"{self.path}!{name}"
            audio = files.get(name) or partial(_absent, location)
            yield Utterance(key, audio, location, texts[name], "en", key.split("-")[0])


def _absent(location: str) -> bytes:
    raise OvwError(f"{location}: no such member", "is the archive whole?")


def archive_splits(path: Path) -> list[str]:
    """The splits an archive holds: the folder two above each transcript's."""
    parts = [PurePosixPath(n).parts for n in Archive(path).names() if n.endswith(".trans.txt")]
    return sorted({p[-4] for p in parts if len(p) >= 4})


def _split_folders(data: Path) -> dict[str, Path]:
    """Split -> folder: any folder two levels above a transcript."""
    if not data.is_dir():
        raise UsageError(f"no folder or archive {data}", "--data takes the folder LibriSpeech or a .tar.gz")
    candidates = [data, *data.glob("*"), *data.glob("LibriSpeech/*")]
    return {real_path(p).name: p for p in sorted(candidates) if next(p.glob("*/*/*.trans.txt"), None)}


def _choose(split: str | None, there: list[str], data: Path) -> str:
    if split in there:
        return str(split)
    if split is None and len(there) == 1:
        return there[0]
    if split is None and DEFAULT_SPLIT in there:
        return DEFAULT_SPLIT
    if not there:
        raise UsageError(f"{data} holds no LibriSpeech split", "it has folders such as test-clean/61/70968")
    raise UsageError(f"{data} does not hold {split or DEFAULT_SPLIT}", f"--split takes {', '.join(sorted(set(there)))}")


def _text(read: Callable[[P], str], place: P) -> str:
    try:
        return read(place)
    except (OSError, UnicodeDecodeError) as error:
        raise OvwError(f"{place} cannot be read: {error}", "fetch the data again") from None


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """(utterance id, text) of every line of a transcript."""
    for line in text.split("\n"):  # texts may hold other characters that break lines
        key, _, words = line.strip().partition(" ")
        if key:
            yield key, words.strip()
