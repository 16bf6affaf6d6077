"""`-m hf:owner/name`: OpenVINO folders of the hub, against a local stand-in."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import ovw, refused
from support.foreign_folder import two_graph_copy
from support.hub import COMMIT, TOKEN, Hub, serving_hub
from support.tiny_whisper import SELFTEST_CLIP

from ovw.artifact.download import download
from ovw.artifact.exports import fetch_export
from ovw.artifact.locate import is_model, load_manifest, locate, locate_or_default
from ovw.audio.download import list_remote
from ovw.cli.ensure import missing_size
from ovw.convert.plan import Converted
from ovw.datasets.hub import check_reachable
from ovw.errors import OvwError, UsageError
from ovw.hub import is_reference
from ovw.network import go_offline
from ovw.transcribe.tokenizer import Tokenizer

GRAPHS = {f"openvino_{part}_model.{end}" for part in ("encoder", "decoder") for end in ("xml", "bin")}
FILES = GRAPHS | {
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"
}  # fmt: skip
BIN = "openvino_decoder_model.bin"


@pytest.fixture
def hub(tiny: Converted, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    folder = Path(shutil.copytree(tiny.folder, tmp_path / "served"))
    (folder / "manifest.json").rename(folder / "README.md")
    monkeypatch.setenv("OVW_OFFLINE", "0")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with serving_hub(folder, monkeypatch) as served:
        yield served


def gets(hub: type[Hub]) -> list[str]:
    return [path for command, path, _ in hub.seen if command == "GET"]


def kept(home: Path, commit: str = COMMIT) -> Path:
    return home / "exports" / "owner--name" / commit / "name"


def test_fetched_once_and_kept(hub: type[Hub], home: Path, tiny: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = locate("hf:owner/name")
    assert folder == kept(home)
    assert {path.name for path in folder.iterdir()} == FILES, "no file that ovw does not read"
    assert (load_manifest(folder).dims, load_manifest(folder).precision) == (tiny.manifest.dims, "fp16")
    fetched = len(gets(hub))
    assert locate_or_default("hf:owner/name") == folder
    assert len(gets(hub)) == fetched, "fetched again"
    hub.seen.clear()
    go_offline()
    assert locate("hf:owner/name") == folder
    with pytest.raises(OvwError, match="hf:owner/name@v1 is not on this machine") as absent:
        locate("hf:owner/name@v1")
    assert "--offline" in absent.value.hint
    assert hub.seen == []


@pytest.mark.parametrize("lost", [BIN, ""])
def test_what_was_removed_is_fetched_again(hub: type[Hub], home: Path, lost: str) -> None:
    folder = locate("hf:owner/name")
    (folder / lost).unlink() if lost else shutil.rmtree(folder)
    assert locate("hf:owner/name") == folder
    assert {path.name for path in folder.iterdir()} == FILES


def test_an_export_whose_generation_config_is_of_an_older_kind(hub: type[Hub]) -> None:
    """Without languages and tasks in it: the tokenizer has them."""
    folder = locate("hf:owner/name")
    before, path = load_manifest(folder), folder / "generation_config.json"
    newer = {"lang_to_id", "task_to_id", "is_multilingual"}
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key not in newer}))
    after = load_manifest(folder)
    assert (after.languages, after.translate) == (before.languages, True)
    assert len(after.languages) == 99
    assert Tokenizer.from_artifact(folder).multilingual


def test_a_decoder_in_two_graphs_comes_whole(hub: type[Hub], tiny: Converted, tmp_path: Path) -> None:
    hub.folder = two_graph_copy(tiny, tmp_path / "two")
    folder = fetch_export("hf:owner/name")
    assert {path.name for path in folder.iterdir()} - FILES == {
        f"openvino_decoder_with_past_model.{end}" for end in ("xml", "bin")
    }
    assert load_manifest(folder).dims == tiny.manifest.dims


def test_a_revision_is_a_revision(hub: type[Hub], home: Path) -> None:
    assert fetch_export("hf:owner/name@v1") == kept(home)
    with pytest.raises(OvwError, match="hf:owner/name@v2: the hub has no such revision"):
        fetch_export("hf:owner/name@v2")
    fetch_export(f"hf:owner/name@{COMMIT}")
    hub.seen.clear()
    assert fetch_export(f"hf:owner/name@{COMMIT}") == kept(home), "a commit cannot change"
    assert hub.seen == []


def test_a_broken_connection_is_resumed(hub: type[Hub]) -> None:
    hub.break_once = True
    folder = fetch_export("hf:owner/name")
    for name in FILES:
        assert (folder / name).read_bytes() == (hub.folder / name).read_bytes()
    assert len(gets(hub)) == len(set(gets(hub))) + 1, "one file in two pieces"


def test_a_killed_fetch_goes_on(hub: type[Hub], home: Path) -> None:
    """Files that came before stay, and half of a folder is never taken for a model."""
    (hub.folder / BIN).rename(hub.folder / "later")
    with pytest.raises(UsageError, match=f"it has no {BIN}"):
        fetch_export("hf:owner/name")
    go_on = gets(hub)
    (hub.folder / "later").rename(hub.folder / BIN)
    assert is_model(fetch_export("hf:owner/name"))
    assert not set(go_on) & set(gets(hub)[len(go_on) :]), "fetched again"


def test_what_huggingface_hub_has_is_linked(
    hub: type[Hub], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    repository = tmp_path / "cache" / "models--owner--name"
    snapshot = Path(shutil.copytree(hub.folder, repository / "snapshots" / COMMIT))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = fetch_export("hf:owner/name")
    assert folder == kept(home), "its name is that of the repository"
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / BIN).samefile(snapshot / BIN)
    assert hub.seen == []
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert fetch_export("hf:owner/name@v1") == folder
    assert gets(hub) == []
    (snapshot / BIN).unlink()
    shutil.rmtree(home / "exports")
    assert is_model(fetch_export("hf:owner/name")), "half a model in the cache"


def test_the_token_goes_to_the_hub_alone(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OvwError, match=r"gives no access, or has no such repository \(HTTP 401\)"):
        fetch_export("hf:owner/private")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert fetch_export("hf:owner/private").name == "private"
    assert {token for _, path, token in hub.seen if path.startswith("/stored/")} == {None}


def without(*names: str) -> object:
    return lambda folder: [(folder / name).unlink() for name in names]


def as_checkpoint(name: str) -> object:
    def change(folder: Path) -> None:
        without(*GRAPHS)(folder)
        (folder / name).write_bytes(b"x")

    return change


def as_bert(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))


def without_state(folder: Path) -> None:
    path = folder / "openvino_decoder_model.xml"
    path.write_text(path.read_text(encoding="utf-8").replace("ReadValue", "Gather"), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (as_checkpoint("model.safetensors"), "is no OpenVINO Whisper folder: it has no openvino_encoder_model.xml", "ovw convert --weights hf:owner/name"),
        (as_checkpoint("pytorch_model.bin.index.json"), "it has no openvino_encoder_model.xml", "ovw convert --weights hf:owner/name"),
        (without("openvino_decoder_model.xml"), "it has no openvino_decoder_model.xml", "hf:OpenVINO/whisper-base-fp16-ov"),
        (without("tokenizer.json"), "it has no tokenizer.json", "name a repository"),
        (as_bert, "holds a model of type 'bert', not whisper", "Whisper"),
        (without("config.json"), r"hf:owner/name has no config\.json", "OpenVINO Whisper"),
        (without_state, "its decoder has no state, and there is no openvino_decoder_with_past_model.xml", "name"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_one_line(hub: type[Hub], change: object, message: str, hint: str) -> None:
    change(hub.folder)  # type: ignore[operator]
    with pytest.raises(UsageError, match=message) as refused:
        locate("hf:owner/name")
    assert hint in refused.value.hint
    assert "\n" not in str(refused.value)
    assert not [path for path in gets(hub) if path.startswith("/stored/")], "no weights came"


def test_no_such_repository(hub: type[Hub]) -> None:
    with pytest.raises(OvwError, match=r"hf:owner/nothing: the hub has no such repository \(HTTP 404\)"):
        locate("hf:owner/nothing")
    with pytest.raises(UsageError, match="'hf:nothing' is no repository"):
        locate("hf:nothing")


def test_a_reference_is_no_size(home: Path) -> None:
    assert is_reference("hf:openai/whisper-base")
    assert missing_size("hf:openai/whisper-base") is None
    assert not is_reference("base")


def test_the_verbs_take_it(hub: type[Hub], warm_home: Path, tmp_path: Path) -> None:
    """The command line: fetched, then used without a connection; refused in one line by every verb."""
    options = ("--language", "en", "--max-new-tokens", 4, "--temperature", "0", "-o", tmp_path / "out")
    ovw("transcribe", SELFTEST_CLIP, "-m", "hf:owner/name", *options)
    fetched = len(hub.seen)
    ovw("transcribe", SELFTEST_CLIP, "-m", "hf:owner/name", "--offline", *options)
    assert len(hub.seen) == fetched
    for verb in (("transcribe", SELFTEST_CLIP, "-m"), ("bench", "-m"), ("verify",)):
        assert "hf:owner/nothing: the hub has no such repository" in refused(*verb, "hf:owner/nothing", code=1)
    assert "hf:owner/name@v1 is not on this machine" in refused("bench", "-m", "hf:owner/name@v1", "--offline", code=1)


def test_addresses_and_datasets_stay_unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVW_OFFLINE", "1")
    for address, ask in (
        ("https://example.org/a.mp3", list_remote),
        ("owner/name", lambda name: check_reachable(name, "")),
        ("https://example.org/model.pt", lambda url: download(url, Path("model.pt"), None)),
    ):
        with pytest.raises(OvwError, match=f"{address} is not on this machine") as refused:
            ask(address)
        assert refused.value.hint == "run without --offline"
