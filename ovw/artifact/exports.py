"""OpenVINO folders of the Hugging Face hub, for `-m hf:owner/name[@revision]`, kept by repository and commit."""

from __future__ import annotations

import re
from pathlib import Path

from ovw.artifact import names
from ovw.artifact.download import Progress, ignore
from ovw.artifact.foreign import DECODER_XML, ENCODER_XML, WITH_PAST, has_state
from ovw.artifact.hub_repository import (
    CommitFiles,
    Repository,
    Shelf,
    commit_of,
    link_files,
    refuse_unfetched,
    snapshot,
)
from ovw.errors import UsageError
from ovw.home import exports_dir
from ovw.network import is_offline
from ovw.parsing import load_object

WHOLE_COMMIT = re.compile(r"[0-9a-f]{40}")
"""A revision that can never be another commit."""
TEXTS = (names.CONFIG, names.GENERATION_CONFIG, names.TOKENIZER)
GRAPHS = (ENCODER_XML, DECODER_XML)
OPTIONAL = (names.TOKENIZER_CONFIG, names.PREPROCESSOR_CONFIG)


def fetch_export(reference: str, on_progress: Progress = ignore) -> Path:
    """The folder of a repository's OpenVINO Whisper model, fetched if it is not here.

    Args:
        reference: `hf:owner/name[@revision]`.
        on_progress: of the downloads, in bytes.

    Raises:
        UsageError: it is no reference, or the repository holds something else.
        OvwError: there is no such repository, it cannot be reached, or the process is offline and it is not here.
    """
    repository = Repository.parse(reference)
    shelf = Shelf(exports_dir() / repository.name.replace("/", "--"), repository.name.partition("/")[2])
    commit = shelf.kept(repository.revision)
    if commit and not is_whole(shelf.of(commit)):  # somebody made room
        commit = None
    if commit and (is_offline(hub=True) or WHOLE_COMMIT.fullmatch(repository.revision)):
        return shelf.of(commit)
    now = _commit_now(repository)
    if now != commit:
        if found := snapshot(repository, now, is_whole):
            link_files(found, shelf.of(now), _ours(found))
        else:
            _fetch(CommitFiles(repository, now, shelf.of(now), on_progress))
        shelf.keep(repository.revision, now)
    return shelf.of(now)


def _commit_now(repository: Repository) -> str:
    """The commit of a revision on the hub; offline the one in the cache of huggingface-hub."""
    if is_offline(hub=True):
        cached = repository.cached_commit
        return cached if snapshot(repository, cached, is_whole) else refuse_unfetched(repository)
    commit = commit_of(repository, names.CONFIG)
    if commit is None:
        raise UsageError(f"{repository} has no {names.CONFIG}", "name a repository with an OpenVINO Whisper model")
    return commit


def is_whole(folder: Path) -> bool:
    """Whether a folder has all that a model needs to run."""
    if not all((folder / name).is_file() for name in (*TEXTS, *GRAPHS)):
        return False
    more = () if has_state(folder) else (WITH_PAST,)
    graphs = [folder / name for name in (*GRAPHS, *more)]
    return all(path.is_file() and path.with_suffix(".bin").is_file() for path in graphs)


def _fetch(files: CommitFiles) -> None:
    """Small files first: what is no OpenVINO Whisper model is refused before weights come."""
    repository = files.repository
    files.fetch(names.CONFIG)
    kind = load_object(files.folder / names.CONFIG).get("model_type")
    if kind != "whisper":
        raise UsageError(f"{repository} holds a model of type {kind!r}, not whisper", "name a Whisper model")
    for name in (*GRAPHS, *TEXTS):
        if not files.fetch(name):
            raise UsageError(f"{repository} is no OpenVINO Whisper folder: it has no {name}", _instead(files))
    graphs = list(GRAPHS)
    if not has_state(files.folder):
        if not files.fetch(WITH_PAST):
            raise UsageError(f"{repository}: its decoder has no state, and there is no {WITH_PAST}", _instead(files))
        graphs.append(WITH_PAST)
    for name in graphs:
        weights = f"{name.removesuffix('.xml')}.bin"
        if not files.fetch_weights(weights):
            raise UsageError(f"{repository} is no OpenVINO Whisper folder: it has no {weights}", _instead(files))
    for name in OPTIONAL:
        files.fetch(name)


def _ours(folder: Path) -> list[str]:
    """The names in a folder that ovw reads."""
    graphs = {name.replace(".xml", end) for name in (*GRAPHS, WITH_PAST) for end in (".xml", ".bin")}
    return [path.name for path in folder.iterdir() if path.name in {*TEXTS, *OPTIONAL, *graphs}]


def _instead(files: CommitFiles) -> str:
    """A hint for a repository that holds something else."""
    if any(files.has(name) for name in names.CHECKPOINT_WEIGHTS):
        return f"it holds a checkpoint: ovw convert --weights {files.repository} makes an artifact of it"
    return "name a repository such as hf:OpenVINO/whisper-base-fp16-ov"
