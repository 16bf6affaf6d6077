"""A folder of media files, each with its text beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ovw.audio.folders import find_media
from ovw.datasets.utterance import Item, Problem, Utterance
from ovw.errors import UsageError, reason
from ovw.home import real_path
from ovw.text_files import BrokenUtf8Error, read_text

LAYOUTS = (
    "a folder holds talk.mp3 with talk.txt beside it, Parquet files, what datasets has saved, or LibriSpeech; "
    "or give a .jsonl, .csv or .tsv"
)


@dataclass(frozen=True)
class AudioFolder:
    """`talk.mp3` and `talk.txt`, in sub-folders too, but no hidden ones; a clip goes by its path without the ending.

    Without `texts` the sound is enough, and every reference is empty. Iterating raises `UsageError` where there is no
    media.
    """

    path: Path
    language: str | None = None
    texts: bool = True
    streamed = False

    @property
    def name(self) -> str:
        return real_path(self.path).name

    @property
    def origin(self) -> str:
        return f"folder {self.path}"

    def __iter__(self) -> Iterator[Item]:
        media = sorted(find_media(self.path))
        if not media:
            raise UsageError(f"{self.path} has no audio or video file", LAYOUTS)
        for path in media:
            name = path.relative_to(self.path).with_suffix("").as_posix()
            if not self.texts:
                yield Utterance(name, path, str(path), "", self.language)
                continue
            text = path.with_suffix(".txt")
            try:
                reference = read_text(text).strip()
            except (OSError, UnicodeDecodeError) as error:
                found = reason(error) if isinstance(error, OSError | BrokenUtf8Error) else "not text"
                yield Problem(name, str(path), f"{text.name}: {found}")
                continue
            yield Utterance(name, path, str(path), reference, self.language)
