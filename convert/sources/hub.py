"""Checkpoints of the Hugging Face hub: `hf:owner/name[@revision]`, with what of them ovw reads."""

from __future__ import annotations

from pathlib import Path

from ovw.artifact import names
from ovw.artifact.download import Progress, ignore
from ovw.artifact.hub_repository import (
    CommitFiles,
    Repository,
    Shelf,
    commit_of,
    kept_offline,
    link_files,
    refuse_unfetched,
    snapshot,
)  # fmt: skip
from ovw.convert.sources.huggingface import find_weights, shards
from ovw.errors import OvwError
from ovw.home import weights_dir
from ovw.network import is_offline
from ovw.parsing import load_object

TOKENIZER = (names.TOKENIZER, names.TOKENIZER_CONFIG, "vocab.json", "merges.txt", "added_tokens.json")
OPTIONAL = (names.GENERATION_CONFIG, *TOKENIZER)


def fetch_repository(reference: str, *, offline: bool = False, on_progress: Progress = ignore) -> Path:
    """The folder of a repository's checkpoint, with what of it ovw reads.

    Args:
        reference: `hf:owner/name[@revision]`.
        offline: use what was fetched earlier, open no connection.
        on_progress: of the downloads, in bytes.

    Raises:
        OvwError: it is not there, or cannot be reached.
    """
    repository = Repository.parse(reference)
    shelf = Shelf(weights_dir() / "huggingface" / repository.name.replace("/", "--"))
    if offline or is_offline(hub=True):
        return kept_offline(repository, shelf, _is_whole) or refuse_unfetched(repository)
    commit = commit_of(repository, names.CONFIG)
    if commit is None:
        raise OvwError(f"{repository} has no {names.CONFIG}", "name a repository with a model of transformers")
    files = CommitFiles(repository, commit, shelf.of(commit), on_progress)
    if found := snapshot(repository, commit, _is_whole):
        folder = _with_texts(found, files)
        if folder != found:
            shelf.keep(repository.revision, commit)
        return folder
    files.fetch(names.CONFIG)
    weights = next((name for name in names.CHECKPOINT_WEIGHTS if _fetch(files, name)), None)
    if weights is None:
        raise OvwError(f"{repository} holds no weights", f"ovw reads {', '.join(names.CHECKPOINT_WEIGHTS)}")
    if weights.endswith(".json"):
        for shard in shards(load_object(files.folder / weights)):
            files.fetch_weights(shard)
    for name in OPTIONAL:
        files.fetch(name)
    shelf.keep(repository.revision, commit)
    return files.folder


def _with_texts(found: Path, files: CommitFiles) -> Path:
    """A snapshot; where other programs left texts of the repository out, together with these, in a folder of ours."""
    fetched = [name for name in OPTIONAL if not (found / name).is_file() and files.fetch(name)]
    if not fetched:
        return found
    link_files(found, files.folder, [path.name for path in found.iterdir() if path.is_file()])
    return files.folder


def _fetch(files: CommitFiles, name: str) -> bool:
    return files.fetch(name) if name.endswith(".json") else files.fetch_weights(name)


def _is_whole(folder: Path) -> bool:
    """Whether a folder has a configuration, and weights with all their shards."""
    weights = find_weights(folder)
    parts = shards(load_object(folder / weights)) if weights and weights.endswith(".json") else ()
    return weights is not None and all((folder / part).is_file() for part in parts)
