"""Decoding defaults of a checkpoint: read, carried into the artifact, obeyed by the runner."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.huggingface_folder import hf_config, save_hf
from support.tiny_whisper import TINY, TINY_EN

from ovw import Whisper
from ovw.artifact.check import config_problems
from ovw.artifact.generation import describe_decoding
from ovw.artifact.manifest import read_manifest
from ovw.convert.layouts.genai import generation_config
from ovw.convert.plan import Converted, same_generation
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.generation import GenerationDefaults, from_ctranslate2, from_huggingface
from ovw.convert.sources.huggingface import read_huggingface
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.models import Dims
from ovw.transcribe.decoding.filters import suppressed_tokens
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.tokenizer import Tokenizer

PARENTHESIS = 7
GERMAN, TRANSLATE, TRANSCRIBE = 50261, 50358, 50359
SILENCE = np.zeros(8000, np.float32)
FINE_TUNE = {
    "suppress_tokens": [], "begin_suppress_tokens": [220], "language": "german", "task": "translate",
    "max_length": 100, "max_initial_timestamp_index": 25, "no_repeat_ngram_size": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return random_checkpoint(TINY)


def config_of(checkpoint: Checkpoint) -> dict:
    return generation_config(checkpoint, build_tokenizer_json(checkpoint.dims, checkpoint.tokenizer_json))


def copied(artifact: Converted, folder: Path, **entries: object) -> Path:
    """An artifact with other decoding defaults."""
    shutil.copytree(artifact.folder, folder, copy_function=lambda a, b: Path(b).symlink_to(a))
    path = folder / "generation_config.json"
    changed = json.loads(path.read_text()) | entries
    path.unlink()
    path.write_text(json.dumps(changed))
    return folder


def test_what_a_checkpoint_says_is_carried_over(tmp_path: Path, checkpoint: Checkpoint):
    read = read_huggingface(save_hf(tmp_path / "hf", checkpoint, generation=FINE_TUNE))
    config = config_of(read)
    assert config["suppress_tokens"] == []
    assert config["begin_suppress_tokens"] == [220]
    assert (config["language"], config["task"]) == ("<|de|>", "translate")
    assert (config["max_length"], config["max_initial_timestamp_index"]) == (100, 25)
    assert config["no_repeat_ngram_size"] == 3


def test_what_a_checkpoint_does_not_say_is_openais(tmp_path: Path, checkpoint: Checkpoint):
    plain = config_of(checkpoint)
    assert len(plain["suppress_tokens"]) == 88
    assert "language" not in plain
    assert "task" not in plain
    read = read_huggingface(save_hf(tmp_path / "hf", checkpoint, generation={"suppress_tokens": None}))
    assert config_of(read) == plain | {"suppress_tokens": []}  # null is a word too: none


@pytest.mark.parametrize("own", [None, [], [7]])
def test_padding_of_a_vocabulary_is_never_sampled(own: list[int] | None):
    """Whatever list of suppressed tokens a checkpoint brings: it knows nothing of the padding."""
    wide = Dims(**TINY.as_dict() | {"n_vocab": 51904})
    official, brought = build_tokenizer_json(TINY, None), GenerationDefaults(suppress_tokens=own)
    made = replace(random_checkpoint(wide), tokenizer_json=official, generation=brought)
    assert set(range(51865, 51904)) <= set(config_of(made)["suppress_tokens"])


def test_minus_one_stands_for_openais_list():
    assert from_huggingface({"suppress_tokens": [-1]}, {}, None, TINY) == GenerationDefaults()


def test_older_fine_tunes_keep_it_in_the_model_config(checkpoint: Checkpoint):
    model = hf_config(TINY) | {"suppress_tokens": [], "forced_decoder_ids": [[1, GERMAN], [2, TRANSLATE], [3, 50363]]}
    found = from_huggingface({}, model, None, TINY)
    assert found == GenerationDefaults(suppress_tokens=[], language="de", task="translate")
    assert from_huggingface({"suppress_tokens": [5]}, model, None, TINY) == GenerationDefaults(suppress_tokens=[5])


@pytest.mark.parametrize(
    ("entries", "language", "task"),
    [
        ({"forced_decoder_ids": [[1, None], [2, TRANSCRIBE]]}, None, "transcribe"),
        ({"forced_decoder_ids": [[1, GERMAN], [2, TRANSCRIBE]]}, "de", "transcribe"),
        ({"forced_decoder_ids": None}, None, None),
        ({"language": "<|de|>"}, "de", None),
        ({"language": "de-DE", "forced_decoder_ids": [[1, 50259]]}, "de", None),
        ({"task": "translate", "forced_decoder_ids": [[1, GERMAN]]}, None, "translate"),
    ],
)
def test_language_and_task_in_every_form(entries: dict, language: str | None, task: str | None):
    found = from_huggingface(entries, {}, None, TINY)
    assert (found.language, found.task) == (language, task)


def test_new_tokens_go_before_length():
    assert from_huggingface({"max_new_tokens": 64, "max_length": 448}, {}, None, TINY).max_length == 65


def test_forced_ids_are_read_with_the_checkpoints_own_vocabulary():
    tokenizer = {"added_tokens": [{"id": 99, "content": "<|fr|>"}]}
    assert from_huggingface({"forced_decoder_ids": [[1, 99]]}, {}, tokenizer, TINY).language == "fr"


@pytest.mark.parametrize("tokens", [[51865], [-2], "7", [True], [[1]]])
def test_suppressed_tokens_that_are_none(tokens: object):
    with pytest.raises(ValueError, match="suppress_tokens is not a list of token ids below 51865"):
        from_huggingface({"suppress_tokens": tokens}, {}, None, TINY)


@pytest.mark.parametrize(
    "entries",
    [
        {"language": "klingon"},
        {"task": "summarize"},
        {"max_length": 4096},
        {"max_initial_timestamp_index": -1},
        {"max_new_tokens": 448},
    ],
)
def test_what_decoding_cannot_use_is_reported_and_not_used(entries: dict, caplog: pytest.LogCaptureFixture):
    assert from_huggingface(entries, {}, None, TINY) == GenerationDefaults()
    assert next(iter(entries)) in caplog.text


def test_a_contradicted_no_timestamps_token_is_reported(caplog: pytest.LogCaptureFixture):
    tokenizer = json.loads(build_tokenizer_json(TINY, None))
    with caplog.at_level(logging.WARNING):
        from_huggingface({"no_timestamps_token_id": 50363}, {}, tokenizer, TINY)
        assert not caplog.text
        from_huggingface({"no_timestamps_token_id": 50362}, {}, tokenizer, TINY)
    assert "no_timestamps_token_id is 50362, the tokenizer has 50363" in caplog.text


def test_languages_and_tasks_that_a_fine_tune_leaves_out(tmp_path: Path, checkpoint: Checkpoint):
    maps = {"lang_to_id": {"<|de|>": GERMAN, "<|fr|>": 50265}, "task_to_id": {"transcribe": TRANSCRIBE}}
    read = read_huggingface(save_hf(tmp_path / "hf", checkpoint, generation={"is_multilingual": True, **maps}))
    config = config_of(read)
    assert {key: config[key] for key in maps} == maps
    assert len(config_of(checkpoint)["lang_to_id"]) == 99
    assert config_of(checkpoint)["task_to_id"] == {"transcribe": TRANSCRIBE, "translate": TRANSLATE}


def test_models_of_one_language_have_neither_language_nor_task(tmp_path: Path):
    read = read_huggingface(save_hf(tmp_path / "hf", random_checkpoint(TINY_EN), generation={"language": "en"}))
    assert "language" not in config_of(read)


def test_ctranslate2_lists_are_carried_over():
    found = from_ctranslate2({"suppress_ids": [], "suppress_ids_begin": [220]}, TINY)
    assert found == GenerationDefaults(suppress_tokens=[], begin_suppress_tokens=[220])
    assert from_ctranslate2({}, TINY) == GenerationDefaults()


def test_another_list_is_another_artifact(tiny: Converted, tmp_path: Path, checkpoint: Checkpoint):
    made = checkpoint
    assert same_generation(tiny.folder, made)
    assert not same_generation(copied(tiny, tmp_path / "a", suppress_tokens=[]), made)


def test_the_runner_obeys(tiny: Converted, tmp_path: Path):
    folder = copied(
        tiny, tmp_path / "a", suppress_tokens=[], begin_suppress_tokens=[220], language="<|de|>", task="translate",
        max_length=100, max_initial_timestamp_index=25,
    )  # fmt: skip
    tokenizer = Tokenizer.from_artifact(folder)
    assert PARENTHESIS in suppressed_tokens(Tokenizer.from_artifact(tiny.folder), (-1,))
    assert PARENTHESIS not in suppressed_tokens(tokenizer, (-1,))
    assert tokenizer.blank == (220,)
    whisper = Whisper(folder)
    own = whisper.transcribe(SILENCE)
    assert (own.language, own.options.task, own.options.max_new_tokens) == ("de", "translate", 99)
    assert own.options.max_initial_timestamp == 0.5
    asked = whisper.transcribe(SILENCE, TranscribeOptions(task="transcribe", max_new_tokens=7), language="fr")
    assert (asked.language, asked.options.task, asked.options.max_new_tokens) == ("fr", "transcribe", 7)
    assert whisper.transcribe(SILENCE, TranscribeOptions()).language == "de"
    assert whisper.transcribe(SILENCE, language="auto").detection is not None


def test_verify_shows_and_checks_it(tiny: Converted, tmp_path: Path):
    good = copied(tiny, tmp_path / "a", suppress_tokens=[], language="<|de|>")
    assert describe_decoding(good).startswith("0 tokens suppressed, 2 at the start, language <|de|>")
    assert not config_problems(good, read_manifest(good))
    bad = copied(tiny, tmp_path / "b", task="summarize", language="<|xx|>")
    found = config_problems(bad, read_manifest(bad))
    assert [problem.split(",")[0] for problem in found] == [
        "generation_config.json: task is 'summarize'",
        "generation_config.json: language is '<|xx|>'",
    ]


def test_verify_compares_the_languages(tiny: Converted, tmp_path: Path):
    known = json.loads((tiny.folder / "generation_config.json").read_text())["lang_to_id"]
    more, fewer = known | {"<|xx|>": 7}, {token: known[token] for token in known if token != "<|su|>"}
    folder = copied(tiny, tmp_path / "more", lang_to_id=more)  # as artifacts of models with fewer languages may have it
    assert config_problems(folder, read_manifest(folder)) == []
    folder = copied(tiny, tmp_path / "fewer", lang_to_id=fewer)
    lacking = "generation_config.json: lang_to_id lacks <|su|>, a language of the manifest"
    assert config_problems(folder, read_manifest(folder)) == [lacking]


def test_languages_are_detected_among_those_of_the_model(tiny: Converted, tmp_path: Path):
    folder = copied(tiny, tmp_path / "a", lang_to_id={"<|fr|>": 50265, "<|de|>": GERMAN})
    assert Tokenizer.from_artifact(folder).language_tokens == {"de": GERMAN, "fr": 50265}
    assert len(Tokenizer.from_artifact(tiny.folder).language_tokens) == 99


def test_a_configuration_passes_on_only_what_was_set():
    from ovw.evaluate.config import EvalConfig

    options = EvalConfig(dataset="bundled", temperature=0.2).decoding()
    assert options.model_fields_set == {"temperature", "beam_size", "batch_size"}  # greedy, one by one: eval's own
