"""Datasets of the Hub, streamed from a stand-in on this machine: every form in which they lie there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.datasets_hub import serve_hub
from support.speech_files import TEXTS, manifest, wav

datasets = pytest.importorskip("datasets")

PARQUET = "refs/convert/parquet"
LIST = """
import json, sys
from ovw.config import build
from ovw.datasets.audio import read_clip
from ovw.datasets.resolve import DatasetOptions, utterances
from ovw.errors import OvwError

for request in json.loads(sys.argv[1]):
    try:
        found = list(utterances(build(DatasetOptions, request)))
        print(json.dumps([[u.id, u.reference, u.language, u.speaker, len(read_clip(u).samples)] for u in found]))
    except OvwError as error:
        print(json.dumps([error.exit_code, str(error)]))
"""


def parquet(path: Path, names: list[str], text: str, **columns: object) -> None:
    """The clips as the Hub's Parquet files hold them."""
    path.parent.mkdir(parents=True)
    audio = [{"bytes": wav(0.5, seed), "path": f"{name}.flac"} for seed, name in enumerate(names)]
    rows = {"audio": audio, text: list(TEXTS.values()), **columns}
    made = datasets.Dataset.from_dict(rows).cast_column("audio", datasets.Audio(decode=False))
    made.cast_column("audio", datasets.Audio(sampling_rate=16000)).to_parquet(path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    keys = list(TEXTS)
    speakers = [int(key.split("-")[0]) for key in keys]
    configured = tmp_path / "librispeech"
    parquet(configured / "all" / "test.other" / "0000.parquet", keys, "text", id=keys, speaker_id=speakers)
    (configured / "README.md").write_text(
        "---\nconfigs:\n- config_name: all\n  data_files:\n  - split: test.other\n    path: all/test.other/*\n---\n"
    )
    script, converted = tmp_path / "fleurs", tmp_path / "converted"
    script.mkdir()
    (script / "fleurs.py").write_text("raise SystemExit('was run')\n")
    numbers = list(range(len(keys)))
    parquet(converted / "de_de" / "test" / "0000.parquet", keys, "transcription", id=numbers, raw_transcription=keys)
    files = tmp_path / "files"
    (files / "test").mkdir(parents=True)
    for seed, key in enumerate(keys):
        (files / "test" / f"{key}.wav").write_bytes(wav(0.5, seed))
    rows: list = [{"file_name": f"{key}.wav", "transcription": text} for key, text in TEXTS.items()]
    manifest(files / "test" / "metadata.jsonl", rows)
    served = {
        ("openslr/librispeech_asr", "main"): configured,
        ("google/fleurs", "main"): script,
        ("google/fleurs", PARQUET): converted,
        ("me/recordings", "main"): files,
    }
    with serve_hub(served) as address:
        yield address


def test_every_form(hub: str, tmp_path: Path) -> None:
    requests = [
        {"dataset": "librispeech", "split": "test-other"},
        {"dataset": "fleurs", "languages": ["de"]},
        {"dataset": "hf:me/recordings"},
        {"dataset": "hf:openslr/librispeech_asr@all", "split": "train"},
        {"dataset": "hf:me/nothing"},
    ]
    environment = os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": ""}
    command = [sys.executable, "-c", LIST, json.dumps(requests)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    librispeech, fleurs, recordings, wrong_split, nothing = map(json.loads, done.stdout.splitlines())
    assert librispeech == [[key, text, "en", key.split("-")[0], 8000] for key, text in TEXTS.items()]
    assert fleurs == [[key, text, "de", None, 8000] for key, text in TEXTS.items()]
    assert recordings == [[key, text, None, None, 8000] for key, text in TEXTS.items()]
    assert wrong_split[0] == 2
    assert "test.other" in wrong_split[1]
    assert "--split" in wrong_split[1]
    assert nothing[0] == 1
    assert "Hub me/nothing cannot be read" in nothing[1]
