"""Checkpoints of the hub, against a local stand-in."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.hub import COMMIT, TOKEN, Hub, serving_hub
from support.huggingface_folder import save_hf
from support.tiny_whisper import TINY

from ovw.artifact import download as download_module
from ovw.artifact.hub_repository import Repository
from ovw.convert.sources.hub import fetch_repository
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.errors import OvwError, UsageError
from ovw.models import find_size


@pytest.fixture
def hub(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    folder = save_hf(tmp_path / "served", random_checkpoint(TINY), generation={"alignment_heads": [[1, 1]]})
    with serving_hub(folder, monkeypatch) as served:
        yield served


def test_fetched_once_and_kept(hub: type[Hub], home: Path) -> None:
    with pytest.raises(OvwError, match="hf:owner/name is not on this machine") as failure:
        load_checkpoint(None, "hf:owner/name", offline=True)
    assert "--offline" in failure.value.hint
    assert hub.seen == []
    read = load_checkpoint(None, "hf:owner/name")
    assert read.tensors_sha256 == random_checkpoint(TINY).checked().tensors_sha256
    assert (read.kind, read.reference, read.alignment_heads) == ("huggingface", "hf:owner/name", ((1, 1),))
    kept = home / "weights" / "huggingface" / "owner--name" / COMMIT
    assert sorted(p.name for p in kept.iterdir()) == ["config.json", "generation_config.json", "model.safetensors"]
    fetched = len([path for command, path, _ in hub.seen if command == "GET"])
    load_checkpoint(None, "hf:owner/name")
    assert len([path for command, path, _ in hub.seen if command == "GET"]) == fetched, "fetched again"
    hub.seen.clear()
    assert load_checkpoint(None, "hf:owner/name", offline=True).tensors_sha256 == read.tensors_sha256
    assert hub.seen == []


def cached(hub: type[Hub], cache: Path) -> Path:
    """A download of huggingface-hub: the files of a commit, and the commit of a branch."""
    repository = cache / "models--owner--name"
    snapshot = Path(shutil.copytree(hub.folder, repository / "snapshots" / COMMIT))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return snapshot


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"])
def test_what_huggingface_hub_has_is_used(
    hub: type[Hub], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    below = {"HF_HOME": "hub", "HF_HUB_CACHE": "", "XDG_CACHE_HOME": "huggingface/hub"}[variable]
    monkeypatch.setenv(variable, str(tmp_path / "cache"))
    snapshot = cached(hub, tmp_path / "cache" / below)
    assert fetch_repository("hf:owner/name", offline=True) == snapshot
    assert fetch_repository(f"hf:owner/name@{COMMIT}", offline=True) == snapshot
    assert hub.seen == []
    assert fetch_repository("hf:owner/name") == snapshot
    assert not [path for command, path, _ in hub.seen if command == "GET"], "fetched again"
    assert load_checkpoint(None, "hf:owner/name", offline=True).dims == TINY


def test_texts_that_huggingface_hub_left_out_are_fetched(
    hub: type[Hub], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that needs no tokenizer leaves it out; the weights are not fetched again."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    (hub.folder / "generation_config.json").write_text('{"language": "de"}')
    (cached(hub, tmp_path / "cache") / "generation_config.json").unlink()
    folder = fetch_repository("hf:owner/name")
    assert folder.is_relative_to(home)
    assert (folder / "generation_config.json").read_text() == '{"language": "de"}'
    assert not [path for command, path, _ in hub.seen if command == "GET" and "safetensors" in path]
    assert load_checkpoint(None, "hf:owner/name").dims == TINY


def test_half_a_model_of_huggingface_hub_is_not_used(
    hub: type[Hub], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    (cached(hub, tmp_path / "cache") / "model.safetensors").unlink()
    with pytest.raises(OvwError, match="is not on this machine"):
        fetch_repository("hf:owner/name", offline=True)
    assert fetch_repository("hf:owner/name").is_relative_to(home)


def test_a_revision_is_a_revision(hub: type[Hub]) -> None:
    assert fetch_repository("hf:owner/name@v1").name == COMMIT
    assert str(Repository.parse("hf:owner/name@v1")) == "hf:owner/name@v1"
    with pytest.raises(OvwError, match="hf:owner/name@v2: the hub has no such revision"):
        fetch_repository("hf:owner/name@v2")
    with pytest.raises(OvwError, match="hf:owner/name is not on this machine"):
        fetch_repository("hf:owner/name", offline=True)


def test_a_broken_connection_is_resumed(hub: type[Hub]) -> None:
    hub.break_once = True
    assert load_checkpoint(None, "hf:owner/name").dims == TINY
    assert len([path for command, path, _ in hub.seen if command == "GET" and "/stored/" in path]) == 2


def test_a_large_file_has_the_hash_that_the_hub_says(hub: type[Hub], home: Path) -> None:
    kept = home / "weights" / "huggingface" / "owner--name" / COMMIT
    kept.mkdir(parents=True)
    (kept / "model.safetensors").write_bytes(b"something else")
    assert load_checkpoint(None, "hf:owner/name").dims == TINY


def test_the_token_goes_to_the_hub_alone(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OvwError, match=r"gives no access, or has no such repository \(HTTP 401\)") as failure:
        fetch_repository("hf:owner/private")
    assert "HF_TOKEN" in failure.value.hint
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetch_repository("hf:owner/private")
    assert {token for _, path, token in hub.seen if path.startswith("/stored/")} == {None}
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(OvwError) as failure:
        fetch_repository("hf:owner/private")
    assert "hf_wrong" not in str(failure.value)


def test_a_renamed_repository_is_followed(hub: type[Hub]) -> None:
    assert load_checkpoint(None, "hf:owner/old").dims == TINY


def test_a_size_that_only_the_hub_has(hub: type[Hub]) -> None:
    info = find_size("distil-small.en")
    here = replace(info, dims=TINY, sources=replace(info.sources, huggingface="owner/name"))
    read = load_checkpoint(here, None)
    assert read.reference == "hf:owner/name"
    assert read.capabilities == info.capabilities
    assert load_checkpoint(here, None, offline=True).tensors_sha256 == read.tensors_sha256


def test_sharded(hub: type[Hub], tmp_path: Path) -> None:
    hub.folder = save_hf(tmp_path / "sharded", random_checkpoint(TINY), shards=2)
    read = load_checkpoint(None, "hf:owner/name")
    assert read.tensors_sha256 == random_checkpoint(TINY).checked().tensors_sha256


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("hf:owner/nothing", r"hf:owner/nothing: the hub has no such repository \(HTTP 404\)"),
        ("hf:owner/broken", r"hf:owner/broken cannot be fetched: HTTP 503"),
    ],
)
def test_refusals_are_one_line(hub: type[Hub], reference: str, told: str) -> None:
    with pytest.raises(OvwError, match=told) as failure:
        load_checkpoint(None, reference)
    assert "\n" not in str(failure.value)


def test_a_repository_without_a_model(hub: type[Hub]) -> None:
    (hub.folder / "model.safetensors").unlink()
    with pytest.raises(OvwError, match="hf:owner/name holds no weights"):
        fetch_repository("hf:owner/name")
    (hub.folder / "config.json").unlink()
    with pytest.raises(OvwError, match=r"hf:owner/name has no config\.json"):
        fetch_repository("hf:owner/name")


def test_unreachable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "PAUSE_S", 0)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(OvwError, match="hf:owner/name cannot be fetched: Connection refused"):
        fetch_repository("hf:owner/name")
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc")
    with pytest.raises(UsageError, match="HF_ENDPOINT is 'file:///etc'"):
        fetch_repository("hf:owner/name")


@pytest.mark.parametrize("reference", ["hf:name", "hf:a/b/c", "hf:a/b@", "hf:../b", "hf:a/b@../../c"])
def test_what_is_no_reference(home: Path, reference: str) -> None:
    with pytest.raises(UsageError, match="is no repository"):
        fetch_repository(reference)
