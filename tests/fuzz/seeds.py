"""The seed corpus: small whole files of every kind that ovw reads, made by this script.

PYTHONPATH=tests python -m fuzz.seeds FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from support.ggml_file import save_ggml
from support.huggingface_folder import save_hf, with_more_words
from support.odd_media import encode, speech
from support.records import bench_case, bench_record
from support.speech_files import librispeech, pack, wav
from support.tiny_whisper import TINY, convert_one, save_pt

from ovw.benchmark.config import BenchConfig
from ovw.control_tokens import END
from ovw.convert.config import ConvertConfig
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.evaluate.journal import HypothesisJournal
from ovw.models import Dims
from ovw.record import write_record
from ovw.runtime.device import EXACT
from ovw.runtime.fast.encoder import FastEncoder
from ovw.scoring.hypothesis import Hypothesis

SMALL = Dims(**TINY.as_dict() | {"n_audio_state": 64, "n_text_state": 64, "n_audio_head": 1, "n_text_head": 1, "n_audio_layer": 1, "n_text_layer": 1})  # fmt: skip
"""One layer of 64: the smallest checkpoint with a real vocabulary."""
MEDIA = (
    ("wav.wav", "pcm_s16le", 16000), ("adpcm.wav", "adpcm_ms", 16000), ("w64.w64", "pcm_s16le", 16000), ("caf.caf", "pcm_s16be", 16000),
    ("au.au", "pcm_s16be", 16000), ("aiff.aiff", "pcm_s16be", 16000), ("flac.flac", "flac", 16000), ("mp3.mp3", "libmp3lame", 16000),
    ("opus.opus", "libopus", 48000), ("oggflac.ogg", "flac", 16000), ("mp4.mp4", "aac", 16000), ("mkv.mkv", "aac", 16000), ("webm.webm", "libopus", 48000),
    ("avi.avi", "libmp3lame", 16000), ("ts.ts", "aac", 16000), ("wv.wv", "wavpack", 16000), ("aac.aac", "aac", 16000),
)  # fmt: skip
YAML = """\
model: base-fp16
beam_size: 5
temperature: [0.0, 0.2, 0.4]
language: de
format: &formats [srt, vtt]
initial_prompt: "Guten Tag"
vad: true
max_line_width: 42
"""
CONVERT_YAML = "size: base\nprecision: [fp16, int8]\nlayout: genai\nshapes: bounded\nbatch: 1..5\n"
GENERATION = {
    "alignment_heads": [[0, 0]], "suppress_tokens": [1, 2, 7], "begin_suppress_tokens": [220, 50257], "forced_decoder_ids": [[1, None], [2, 50359]], "language": "<|de|>",
    "task": "transcribe", "max_length": 200, "max_initial_timestamp_index": 50, "repetition_penalty": 1.1, "no_repeat_ngram_size": 3, "is_multilingual": True,
    "no_timestamps_token_id": 50363, "lang_to_id": {"<|en|>": 50259, "<|de|>": 50261}, "task_to_id": {"transcribe": 50359, "translate": 50358},
}  # fmt: skip
ADAPTED = "model.decoder.layers.0.self_attn.q_proj"
ADAPTER = {"peft_type": "LORA", "lora_alpha": 8, "r": 2, "alpha_pattern": {"q_proj": 4, "k_proj": 2}, "use_dora": False, "use_rslora": True, "base_model_name_or_path": "x/y"}  # fmt: skip
CT2_CONFIG = {"alignment_heads": [[0, 0]], "suppress_ids": [1, 2, 7], "suppress_ids_begin": [220, 50257], "lang_ids": [50259, 50260]}  # fmt: skip
BENCH_YAML = "models: [a, b]\nengines:\n  - openvino\n  - {name: onnxruntime, model: x}\nstages: [encoder, token]\nrounds: 3\ncache: [0, 100]\n"


def make_seeds(folder: Path) -> None:
    """Fill an empty folder, a sub-folder a kind."""
    make_tables_and_media(folder)
    _checkpoints(folder)
    _artifact(folder / "artifact")


def make_tables_and_media(folder: Path) -> None:
    """The part of it that needs no checkpoint."""
    _media(folder / "media")
    _tables(folder)
    _archives(folder / "archive")


def _media(folder: Path) -> None:
    folder.mkdir(parents=True)
    words = speech()[:32000]
    for name, codec, rate in MEDIA:
        encode(folder / name, codec, words, rate=rate, container="ogg" if name.endswith(".opus") else None)


def _checkpoints(folder: Path) -> None:
    made = random_checkpoint(SMALL)
    (folder / "pt").mkdir()
    save_pt(folder / "pt" / "new.pt", SMALL)
    data = torch.load(folder / "pt" / "new.pt", weights_only=True)
    torch.save(data, folder / "pt" / "old.pt", _use_new_zipfile_serialization=False)
    (folder / "ggml").mkdir()
    for kind in ("f16", "q5_0", "q8_0"):
        save_ggml(folder / "ggml" / f"{kind}.bin", made, kind)
    single = save_hf(folder / "huggingface" / "single", made, generation=GENERATION)
    sharded = save_hf(folder / "huggingface" / "sharded", made, shards=2)
    adapted = save_hf(folder / "huggingface" / "adapted", made)
    save_file({f"base_model.model.{ADAPTED}.lora_{part}.weight": torch.ones(shape) for part, shape in (("A", (2, 64)), ("B", (64, 2)))}, adapted / "adapter_model.safetensors")  # fmt: skip
    (adapted / "adapter_config.json").write_text(json.dumps(ADAPTER), encoding="utf-8")
    for place in (single, sharded):
        (place / "tokenizer.json").write_text(build_tokenizer_json(SMALL, None), encoding="utf-8")
    _tokenizers(folder, made)


def _tokenizers(folder: Path, made: Checkpoint) -> None:
    """Vocabularies that are not OpenAI's, which are read to the end: in one file, and in several."""
    dims = Dims(**SMALL.as_dict() | {"n_vocab": SMALL.n_vocab + 2})
    wider = random_checkpoint(dims)
    given = with_more_words(SMALL, ["covfefe", "hamberder"])
    save_hf(folder / "vocabulary" / "whole", wider, tokenizer_json=given)
    parts, tokenizer = save_hf(folder / "vocabulary" / "parts", wider), json.loads(given)
    words = tokenizer["model"]["vocab"] | {END: 50257}
    added = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    flags = {str(number): {"content": name, "special": False} for name, number in added.items()}
    for name, value in (("vocab", words), ("added_tokens", added), ("tokenizer_config", {"added_tokens_decoder": flags})):  # fmt: skip
        (parts / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    (parts / "merges.txt").write_text("#version: 0.2\n" + "\n".join(tokenizer["model"]["merges"]) + "\n", "utf-8")


def _artifact(folder: Path) -> None:
    checkpoint = save_pt(folder.parent / "small.pt", SMALL)
    convert_one(ConvertConfig(weights=str(checkpoint), output=folder))
    checkpoint.unlink()
    shutil.copytree(folder, foreign := folder.with_name("foreign"))
    (foreign / "manifest.json").unlink()


def make_blob(artifact: Path) -> None:
    """Compile an artifact's encoder, so that it is kept below `$OVW_HOME`."""
    encoder = FastEncoder(artifact, EXACT, SMALL)
    encoder([np.zeros((1, SMALL.n_mels, SMALL.n_frames), np.float32)])


def _tables(folder: Path) -> None:
    for name, text in (("transcribe", YAML), ("convert", CONVERT_YAML), ("bench", BENCH_YAML)):
        (folder / "yaml").mkdir(exist_ok=True)
        (folder / "yaml" / f"{name}.yaml").write_text(text, encoding="utf-8")
    rows = [
        {"id": f"u{i}", "audio": "a.wav", "reference": "wörter", "language": "de", "duration_s": 0.6} for i in range(5)
    ]
    (folder / "table").mkdir()
    (folder / "table" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for ending, mark in (("csv", ","), ("tsv", "\t")):
        lines = [mark.join(rows[0]), *(mark.join(map(str, row.values())) for row in rows)]
        (folder / "table" / f"a.{ending}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "table" / "a.wav").write_bytes(wav())
    (folder / "record").mkdir()
    made = bench_record(bench_case("a"), bench_case("b"), config=BenchConfig().model_dump(mode="json"))
    write_record(made, folder / "record" / "r.json")
    with HypothesisJournal(folder / "journal", {"dataset": "x", "beam_size": 1}) as journal:
        for i in range(5):
            journal.add(Hypothesis(f"u{i}", "a.wav", 1.0, "de", "wörter", "worte", seconds=0.1, tokens=3))


def _archives(folder: Path) -> None:
    folder.mkdir()
    source = pack(librispeech(folder / "source"), folder / "gz.tar.gz")
    with tarfile.open(source) as tar:
        for kind in ("", "xz", "bz2"):
            with tarfile.open(folder / f"plain.tar{kind and '.'}{kind}", f"w:{kind}") as out:
                for member in tar.getmembers():
                    out.addfile(member, tar.extractfile(member) if member.isfile() else None)
    shutil.rmtree(folder / "source")


if __name__ == "__main__":
    make_seeds(Path(sys.argv[1]))
