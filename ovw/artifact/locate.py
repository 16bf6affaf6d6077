"""Find an artifact: by the value of `-m`, or the default one."""

from __future__ import annotations

import hashlib
import sys
from difflib import get_close_matches
from itertools import count
from operator import attrgetter
from pathlib import Path

from ovw.artifact import names
from ovw.artifact.foreign import foreign_manifest, is_foreign
from ovw.artifact.hashing import file_sha256, hash_folder
from ovw.artifact.layouts import split_name
from ovw.artifact.manifest import Manifest, read_manifest
from ovw.artifact.precisions import PRECISIONS
from ovw.errors import OvwError, UsageError, did_you_mean, reason
from ovw.files import name_problem, short_name
from ovw.home import models_dir, user_path
from ovw.hub import is_reference
from ovw.models import full_name, size_name, sizes
from ovw.parsing import load_json
from ovw.text_files import LARGEST, require_file

WHOLE = (".json", ".xml")
"""Files that are read whole."""
OFFERED = ("base", "fp16")
"""Size and precision of the artifact that is made where none is installed."""
PREFERRED = ("base-int8", "-".join(OFFERED))
"""Of several installed artifacts, the first of these is used where none is named."""
MAKE_ONE = "ovw convert --size {} --{}".format(*OFFERED)


def is_artifact(folder: Path) -> bool:
    """Whether the folder has a manifest."""
    return (folder / names.MANIFEST).is_file()


def is_model(folder: Path) -> bool:
    """Whether the folder is an artifact, or another program's export that can run."""
    return is_artifact(folder) or is_foreign(folder)


def load_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact, or what is known of another program's export.

    Raises:
        OvwError: neither, or one that is damaged.
    """
    _require_files(folder)
    return foreign_manifest(folder) if is_foreign(folder) else read_manifest(folder)


def _require_files(folder: Path) -> None:
    """Refuse a folder with something in it whose reading would not end, whoever reads it: OpenVINO waits for pipes."""
    for path in folder.rglob("*"):
        if not path.is_dir() and path.exists():
            try:
                require_file(path, LARGEST if path.suffix in WHOLE else sys.maxsize)
            except OSError as error:
                raise OvwError(f"{path} cannot be read: {reason(error)}", "a model is made of files") from None


def identity_sha256(folder: Path) -> str:
    """A hash of what a model is: of its manifest, which holds those of its files, else of its files themselves."""
    if is_artifact(folder):
        return file_sha256(folder / names.MANIFEST)
    entries = sorted((name, entry.sha256) for name, entry in hash_folder(folder).items())
    return hashlib.sha256(repr(entries).encode()).hexdigest()


def is_only_artifact(folder: Path) -> bool:
    """Whether the folder holds an artifact of ours, whole or damaged, and nothing else: only that may be replaced."""
    try:
        data = load_json(folder / names.MANIFEST)
    except (OSError, ValueError):
        return False
    files = data.get("files") if isinstance(data, dict) and "schema_version" in data else None
    if not isinstance(files, dict):
        return False
    others = {p.name for p in folder.iterdir()} - {names.MANIFEST, *files}
    return all(name.endswith(names.GGML_CACHE_ENDING) for name in others)


def check_target(target: Path) -> None:
    """Refuse to touch anything that is neither free nor an artifact of ours."""
    if problem := name_problem(target):
        raise UsageError(f"cannot make {target}: {problem}", "give -o another folder")
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file", "give -o a folder that does not exist yet")
    if target.is_dir() and any(target.iterdir()) and not is_only_artifact(target):
        raise UsageError(f"{target} is a folder with other things in it", "give -o a folder that does not exist yet")


def check_target_again(made: Path, target: Path) -> None:
    """Require what `check_target` did once more, after the work; a finished folder that cannot go there stays.

    Args:
        made: the folder that shall take the target's place; renamed if it may not.
        target: where other things may have come since the work began.

    Raises:
        OvwError: they have; it names where the finished folder is.
    """
    try:
        check_target(target)
    except UsageError as error:
        numbered = (target.with_name(f"{short_name(target.name)}-{number}") for number in count(2))
        free = next(path for path in numbered if not path.exists())
        made.rename(free)
        raise OvwError(f"{error.message} by now; what was made is {free}", "rename it") from None


def check_not_made_meanwhile(target: Path, *, force: bool) -> None:
    """Refuse to replace an artifact that another process has put in place while this one waited for its turn.

    Raises:
        OvwError: it is there, and may not be replaced.
    """
    if not force and is_artifact(target):
        raise OvwError(f"{target} was made by another process meanwhile", "--force replaces it")


def installed() -> list[Path]:
    """Every named artifact of this machine, by name."""
    root = models_dir()
    return sorted(p for p in root.iterdir() if is_artifact(p) and p.name[0] != ".") if root.is_dir() else []


def is_path(model: str) -> bool:
    """Whether a `-m` value is written as a path, and so cannot be a name."""
    return model != Path(model).name


def default_artifact() -> Path | None:
    """The artifact without a `-m`: the only installed one of the default layout, else the preferred one, if any."""
    found = [p for p in installed() if split_name(p.name)[2] == names.DEFAULT_LAYOUT]
    preferred = [models_dir() / name for name in PREFERRED]
    return found[0] if len(found) == 1 else next((p for p in preferred if p in found), None)


def locate_or_default(model: str | Path | None) -> Path:
    """The artifact folder for a `-m` value, or the default one without a value.

    Raises:
        UsageError: as `locate`.
        OvwError: no value, and nothing suitable is installed.
    """
    folder = default_artifact() if model is None else locate(str(model))
    if folder is None:
        raise no_default()
    return folder


def of_size(name: str) -> Path | None:
    """The installed artifact that a size means, if there is one: `base`, or `openai/whisper-base`."""
    size = None if Path(name).exists() and is_path(name) else size_name(name)
    preferred = sorted(PRECISIONS.values(), key=attrgetter("preference"))
    folders = (models_dir() / f"{size}-{row.name}" for row in preferred) if size else ()
    return next((folder for folder in folders if is_artifact(folder)), None)


def no_default() -> OvwError:
    """The error of a machine without a default artifact."""
    if found := installed():
        named = ", ".join(artifact.name for artifact in found)
        return UsageError("none of the installed artifacts is the default", f"name one with -m: {named}")
    return none_installed()


def none_installed() -> OvwError:
    """The error of a machine without artifacts."""
    return OvwError("no artifact is installed", MAKE_ONE)


def locate(model: str) -> Path:
    """The artifact folder for a `-m` value.

    Args:
        model: a folder, a folder that holds exactly one artifact, the name of an installed one, which a folder beats
            that is written with a separator (`./base-fp16`), a size of which one is installed, or
            `hf:owner/name[@revision]`, which is fetched if it is not here.

    Raises:
        UsageError: no such artifact, or several could be meant.
        OvwError: it cannot be fetched.
    """
    if is_reference(model):
        from ovw.artifact.exports import fetch_export  # what opens connections takes 20 ms to import

        return fetch_export(model)
    path = user_path(model)
    named: tuple[Path, ...] = () if is_path(model) else (models_dir() / model, models_dir() / full_name(model))
    for folder in (*named, path):
        if is_model(folder):
            return folder
    if best := of_size(model):
        return best
    if path.is_dir():
        inside = sorted(p for p in path.iterdir() if is_model(p))
        if len(inside) == 1:
            return inside[0]
        if inside:
            raise UsageError(f"{model} holds {len(inside)} artifacts", f"name one: {', '.join(map(str, inside))}")
        raise UsageError(
            f"{model} is not an artifact: it has no {names.MANIFEST}, nor {names.ENCODER}.xml of another program",
            "ovw convert -o makes one",
        )
    if size := size_name(model):
        raise UsageError(f"no artifact of {size} is installed", f"ovw convert --size {size} --fp16 makes one")
    here = [p.name for p in installed()]
    hint = did_you_mean(model, here) if here else f"none is installed yet; try {MAKE_ONE}"
    if close := get_close_matches(model, sizes(), n=1):
        hint = f"did you mean the size '{close[0]}'? {hint}"
    raise UsageError(f"no artifact '{model}'", hint)
