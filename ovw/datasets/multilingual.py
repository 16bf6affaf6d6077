"""FLEURS, Common Voice and VoxPopuli: a folder a language, a table a split."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from ovw.datasets.archive import Archive, is_archive
from ovw.datasets.columns import language_code
from ovw.datasets.hub import HubDataset
from ovw.datasets.manifest import read_rows
from ovw.datasets.utterance import Audio, Dataset, Item, Problem, Utterance
from ovw.errors import OvwError, UsageError, reason
from ovw.home import real_path
from ovw.parsing import own_yaml
from ovw.text_files import encoding_of, lines_of

LOCALE = re.compile(
    r"[a-z]{2,3}([-_](hans|hant|latn|cyrl|arab|deva|guru))?([-_]([a-z]{2}|[0-9]{3}))?|[a-z]{2}_accented"
)
"""Names of folders: `de`, `zh-CN`, `cmn_hans_cn`, `es_419`; VoxPopuli has `en_accented`."""
Files = Callable[[str], Audio | None]


@dataclass(frozen=True)
class Corpus:
    """Folders, tables and columns of a corpus.

    Attributes:
        name: as the command line has it.
        tables: file names of a split's table, `{split}` filled in.
        header: the table's columns, where its first line does not name them.
        audio, text, speaker: columns.
        hub: repository on the Hub; `None` for a corpus that is not there any more.
        how_to_get: for the hint.
        ending: of the media files, where the table leaves it out.
    """

    name: str
    tables: tuple[str, ...]
    audio: str
    text: str
    speaker: str | None
    hub: str | None
    how_to_get: str
    header: tuple[str, ...] | None = None
    ending: str = ""


FLEURS = Corpus(
    name="fleurs",
    tables=("{split}.tsv",),
    header=("id", "file_name", "raw_transcription", "transcription", "characters", "num_samples", "gender"),
    audio="file_name",
    text="transcription",
    speaker=None,
    hub="google/fleurs",
    how_to_get="--data takes the folder data/ of the repository google/fleurs, with en_us/test.tsv in it",
)
COMMON_VOICE = Corpus(
    name="common_voice",
    tables=("{split}.tsv",),
    audio="path",
    text="sentence",
    speaker="client_id",
    hub=None,
    how_to_get="fetch a language from Mozilla Data Collective and give its folder, with test.tsv and clips/, to --data",
)
VOXPOPULI = Corpus(
    name="voxpopuli",
    tables=("asr_{split}.tsv", "{split}.tsv"),
    audio="id",
    text="normalized_text",
    speaker="speaker_id",
    hub="facebook/voxpopuli",
    how_to_get="--data takes the folder data/ of the repository facebook/voxpopuli, with en/asr_test.tsv in it",
    ending=".wav",
)


@dataclass(frozen=True)
class Joined:
    """Several datasets, one after the other."""

    parts: tuple[Dataset, ...]

    @property
    def name(self) -> str:
        return "+".join(part.name for part in self.parts)

    @property
    def origin(self) -> str:
        return "; ".join(part.origin for part in self.parts)

    @property
    def streamed(self) -> bool:
        return any(part.streamed for part in self.parts)

    def __iter__(self) -> Iterator[Item]:
        for part in self.parts:
            yield from part


@dataclass(frozen=True)
class CorpusFolder:
    """A corpus on this machine, in one or several languages.

    Attributes:
        corpus: which.
        folders: language as the corpus names it -> folder.
        split: such as `test`.
    """

    corpus: Corpus
    folders: dict[str, Path]
    split: str
    streamed = False

    @property
    def name(self) -> str:
        return f"{self.corpus.name} {self.split} {','.join(self.folders)}"

    @property
    def origin(self) -> str:
        return f"folder {', '.join(map(str, self.folders.values()))}"

    def __iter__(self) -> Iterator[Item]:
        for language, folder in self.folders.items():
            table = _table(self.corpus, folder, self.split)
            assert table is not None  # that is how the folder was found
            audio = _audio_finder(folder, self.split)
            for number, row in _rows(table, self.corpus):
                yield _item(self.corpus, row, f"{table}:{number}", audio, language)


def open_named(corpus: Corpus, data: Path | None, split: str | None, languages: Sequence[str]) -> Dataset:
    """A corpus from this machine, or from the Hub where no data is given; raises as these do."""
    if data is None:
        return Joined(tuple(hub_corpus(corpus, split, languages)))
    return open_corpus(corpus, data, split, languages)


def open_corpus(corpus: Corpus, data: Path, split: str | None, languages: Sequence[str]) -> Dataset:
    """A corpus on this machine.

    Args:
        corpus: which.
        data: a language's folder, or the folder of several.
        split: by default `test`.
        languages: Whisper's codes or the corpus's own; by default all there are.

    Raises:
        UsageError: no such language or split there.
    """
    chosen = split or "test"
    if not data.is_dir():
        raise UsageError(f"no folder {data}", corpus.how_to_get)
    folders = {
        real_path(p).name: p for p in (data, *sorted(data.glob("*")), *sorted(data.glob("data/*"))) if p.is_dir()
    }
    there = {name: path for name, path in folders.items() if _table(corpus, path, chosen)}
    if not there:
        raise UsageError(f"{data} has no {corpus.tables[0].format(split=chosen)}", corpus.how_to_get)
    wanted = [_match(language, list(there), data) for language in languages] or list(there)
    return CorpusFolder(corpus, {name: there[name] for name in wanted}, chosen)


def hub_corpus(corpus: Corpus, split: str | None, languages: Sequence[str]) -> list[Dataset]:
    """A corpus from the Hub, one dataset a language.

    Raises:
        UsageError: no languages given, or a corpus that is not on the Hub.
    """
    if corpus.hub is None:
        raise UsageError(f"{corpus.name} is not on the Hub any more", corpus.how_to_get)
    if not languages:
        raise UsageError(f"{corpus.name} has many languages", "choose with --languages de,fr")
    configs = {code: fleurs_configs().get(code, code) if corpus is FLEURS else code for code in languages}
    return [
        HubDataset(
            corpus.hub,
            config,
            split or "test",
            f"{corpus.name} {config}",
            language_code(code),
            id_from_audio=corpus is FLEURS,
            reference=corpus.text,
            or_else=corpus.how_to_get,
        )
        for code, config in configs.items()
    ]


@cache
def fleurs_configs() -> dict[str, str]:
    """Whisper's language code -> FLEURS' name for it, such as `en` -> `en_us`."""
    return dict(own_yaml("fleurs.yaml")["languages"])


def _language_of(folder: str) -> str | None:
    """Whisper's code of a folder that is named after a language; of any other folder it is not known."""
    return language_code(folder) if LOCALE.fullmatch(folder.lower()) else None


def _match(language: str, there: list[str], data: Path) -> str:
    for name in there:
        if language in (name, _language_of(name)):
            return name
    raise UsageError(f"{data} has no language '{language}'", f"--languages takes {', '.join(there)}")


def _table(corpus: Corpus, folder: Path, split: str) -> Path | None:
    paths = (folder / name.format(split=split) for name in corpus.tables)
    return next((path for path in paths if path.is_file()), None)


def _rows(table: Path, corpus: Corpus) -> Iterator[tuple[int, dict[str, str] | str]]:
    if corpus.header is None:
        yield from read_rows(table)
        return
    try:
        with table.open(encoding=encoding_of(table), newline="") as stream:
            for number, cells in enumerate(csv.reader(lines_of(stream), delimiter="\t", quoting=csv.QUOTE_NONE), 1):
                fits = len(cells) == len(corpus.header)
                yield number, dict(zip(corpus.header, cells, strict=True)) if fits else f"{len(cells)} columns"
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OvwError(f"{table} cannot be read: {reason(error)}", "fetch the data again") from None


def _item(corpus: Corpus, row: dict[str, str] | str, where: str, find: Files, language: str) -> Item:
    if isinstance(row, str):
        return Problem(where, where, row)
    if missing := [c for c in (corpus.audio, corpus.text) if c not in row]:
        raise UsageError(f"{where} has no column {missing[0]}: it has {', '.join(row)}", corpus.how_to_get)
    file = row[corpus.audio] + corpus.ending
    audio = find(file)
    key = PurePosixPath(file).stem
    if audio is None:
        return Problem(key, where, f"{file}: no such file")
    location = str(audio) if isinstance(audio, Path) else f"{where}!{file}"
    speaker = row.get(corpus.speaker) if corpus.speaker else None
    code = language_code(row.get("locale")) or _language_of(language)
    return Utterance(key, audio, location, row[corpus.text], code, speaker)


def _audio_finder(folder: Path, split: str) -> Files:
    """Look a clip up by its file name: in archives of its split, in the usual sub-folders, then in other archives."""
    places = [folder / "clips", folder / "audio" / split, folder / split, folder]
    archives = [p for p in [*folder.glob("audio/*"), *folder.glob("*"), *folder.glob(f"{split}/*")] if is_archive(p)]

    @cache
    def packed(of_split: bool) -> dict[str, Audio]:
        chosen = [path for path in archives if (split in _words_of(path.relative_to(folder))) == of_split]
        return {PurePosixPath(n).name: read for path in chosen for n, read in Archive(path).readers()}

    def find(file: str) -> Audio | None:
        if file in packed(True):
            return packed(True)[file]
        unpacked = next((place / file for place in places if (place / file).is_file()), None)
        return unpacked or packed(False).get(file)

    return find


def _words_of(path: Path) -> list[str]:
    """`audio/en_test_0.tar.gz` -> audio, en, test, 0, tar, gz."""
    return re.split(r"[\W_]+", path.as_posix())
