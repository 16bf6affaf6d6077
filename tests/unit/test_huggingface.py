"""Hugging Face folders: what transformers saves, what fine-tuning leaves of it, and what is not Whisper's."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.ct2_folder import write_ct2
from support.huggingface_folder import hf_state, save_hf, with_more_words
from support.tiny_whisper import TINY, TINY_EN, TINY_V3
from tokenizers import Tokenizer as BpeTokenizer

from ovw.convert.sources.checkpoint import tensors_sha256
from ovw.convert.sources.ctranslate2 import read_ctranslate2
from ovw.convert.sources.huggingface import names_of, read_huggingface
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.errors import OvwError
from ovw.models import Dims, languages


@pytest.mark.parametrize(
    "form", [{}, {"shards": 3}, {"pickled": True}, {"dtype": torch.float32}], ids=["one", "sharded", "pickled", "f32"]
)
def test_every_form_gives_the_same_tensors(tmp_path: Path, form: dict) -> None:
    made = random_checkpoint(TINY).checked()
    read = load_checkpoint(None, str(save_hf(tmp_path / "whisper-mine", made, **form)))
    assert (read.dims, read.kind, read.reference) == (TINY, "huggingface", "whisper-mine")
    assert read.tensors_sha256 == made.tensors_sha256
    assert read.alignment_heads is None
    assert (read.sha256 is None) == ("shards" in form)


def test_names_are_those_of_transformers(tmp_path: Path) -> None:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        d_model=128, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=512, decoder_ffn_dim=512, vocab_size=51865, num_mel_bins=80,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    model.save_pretrained(tmp_path / "hf")
    read = load_checkpoint(None, str(tmp_path / "hf"))
    assert read.dims == Dims(**TINY.as_dict() | {"n_text_layer": 1})
    assert set(names_of(read.dims)) | {"proj_out.weight"} == set(model.state_dict())
    ours = read.tensors["decoder.blocks.0.cross_attn.value.weight"]
    theirs = model.state_dict()["model.decoder.layers.0.encoder_attn.v_proj.weight"].numpy()
    assert np.array_equal(ours.astype(np.float32), theirs)


def test_bfloat16_keeps_its_values(tmp_path: Path) -> None:
    read = load_checkpoint(None, str(save_hf(tmp_path / "hf", random_checkpoint(TINY), dtype=torch.bfloat16)))
    for name, value in random_checkpoint(TINY).tensors.items():
        expected = torch.from_numpy(np.array(value)).to(torch.bfloat16).float().numpy()
        assert np.array_equal(read.tensors[name].astype(np.float32), expected)


def test_output_projection_is_the_embedding(tmp_path: Path) -> None:
    made = random_checkpoint(TINY)
    embedding = hf_state(made)["model.decoder.embed_tokens.weight"]
    tied = save_hf(tmp_path / "tied", made, extra={"proj_out.weight": embedding.clone()})
    assert load_checkpoint(None, str(tied)).tensors_sha256 == made.checked().tensors_sha256
    other = save_hf(tmp_path / "other", made, extra={"proj_out.weight": embedding + 1})
    with pytest.raises(OvwError, match=r"proj_out\.weight differs from the token embeddings"):
        load_checkpoint(None, str(other))


def test_generation_config_is_believed(tmp_path: Path) -> None:
    alone = {"is_multilingual": True, "lang_to_id": {"<|en|>": 50259}, "task_to_id": {"transcribe": 50359}}
    distilled = load_checkpoint(None, str(save_hf(tmp_path / "c", random_checkpoint(TINY), generation=alone)))
    assert (distilled.can.languages, distilled.multilingual) == (("en",), True)
    tongues = {"<|de|>": 50261, "<|en|>": 50259, "<|xx|>": 0}
    generation = {"alignment_heads": [[1, 0], [0, 1]], "is_multilingual": True}
    generation |= {"lang_to_id": tongues, "task_to_id": {"transcribe": 50359}}
    read = load_checkpoint(None, str(save_hf(tmp_path / "a", random_checkpoint(TINY), generation=generation)))
    assert read.alignment_heads == ((1, 0), (0, 1))
    can = read.can
    assert (can.languages, can.translate) == (("en", "de"), False)
    english = save_hf(tmp_path / "b", random_checkpoint(TINY_EN), generation={"is_multilingual": False})
    can = load_checkpoint(None, str(english)).can
    assert (can.languages, can.translate) == (("en",), False)


@pytest.mark.parametrize("mapped", [True, False])
def test_a_renamed_language_is_openais(tmp_path: Path, caplog: pytest.LogCaptureFixture, mapped: bool) -> None:
    """As the artifact's tokenizer has it, so that ovw and other programs can ask for it."""
    tokenizer = json.loads(build_tokenizer_json(TINY, None))
    (token,) = [token for token in tokenizer["added_tokens"] if token["content"] == "<|haw|>"]
    token["content"] = "<|gsw|>"
    generation = {"is_multilingual": True} | ({"lang_to_id": {"<|gsw|>": token["id"]}} if mapped else {})
    folder = save_hf(
        tmp_path / "a", random_checkpoint(TINY), generation=generation, tokenizer_json=json.dumps(tokenizer)
    )
    read = load_checkpoint(None, str(folder))
    assert caplog.messages == ["<|gsw|> is OpenAI's token <|haw|> renamed: ask for --language haw"]
    assert read.can.languages == (("haw",) if mapped else tuple(languages())[:99])
    assert json.loads(build_tokenizer_json(TINY, read.tokenizer_json)) == json.loads(build_tokenizer_json(TINY, None))


def test_ids_of_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    generation = {"is_multilingual": True, "no_timestamps_token_id": 50364}
    folder = save_hf(tmp_path / "a", random_checkpoint(TINY), generation=generation)
    with pytest.raises(OvwError, match=r"<\|notimestamps\|> at 50364, OpenAI's vocabulary of 51865 tokens at 50363"):
        load_checkpoint(None, str(folder))


def test_heads_of_a_teacher_are_left_out(tmp_path: Path) -> None:
    generation = {"alignment_heads": [[1, 0], [17, 15]]}
    read = load_checkpoint(None, str(save_hf(tmp_path / "a", random_checkpoint(TINY), generation=generation)))
    assert read.alignment_heads is None


def test_the_upper_half_means_heads_that_are_not_known(tmp_path: Path) -> None:
    """CTranslate2's converter, and our own generation config, name all of them where they know none."""
    generation = {"alignment_heads": TINY.upper_half[::-1]}
    read = load_checkpoint(None, str(save_hf(tmp_path / "a", random_checkpoint(TINY), generation=generation)))
    assert read.alignment_heads is None
    folder = write_ct2(tmp_path / "ct2", random_checkpoint(TINY))
    (folder / "config.json").write_text(json.dumps({"alignment_heads": TINY.upper_half}))
    assert read_ctranslate2(folder).alignment_heads is None


@pytest.mark.parametrize(("dims", "spoken"), [(TINY, 99), (TINY_V3, 100), (TINY_EN, 1)])
def test_languages_follow_from_the_tokenizer(tmp_path: Path, dims: Dims, spoken: int) -> None:
    more = Dims(**dims.as_dict() | {"n_vocab": dims.n_vocab + 1})  # 51865 and 51866 are official sizes of other models
    given = with_more_words(dims, ["covfefe"])
    read = read_huggingface(save_hf(tmp_path / "a", random_checkpoint(more), tokenizer_json=given))
    assert read.multilingual == (spoken > 1)
    assert read.can.languages == (tuple(languages())[:spoken] if spoken > 1 else ("en",))
    assert read.can.translate == (spoken > 1)
    ours = BpeTokenizer.from_str(build_tokenizer_json(more, read.tokenizer_json))
    theirs = BpeTokenizer.from_str(given)
    assert ours.get_vocab() == theirs.get_vocab()
    text = " So much covfefe, so little time."
    assert ours.encode(text).ids == theirs.encode(text).ids
    assert dims.n_vocab in ours.encode(text).ids


def test_tokenizer_from_vocab_and_merges(tmp_path: Path) -> None:
    official = json.loads(build_tokenizer_json(TINY, None))
    dims = Dims(**TINY.as_dict() | {"n_vocab": 51867})
    folder = save_hf(tmp_path / "a", random_checkpoint(dims))
    words = official["model"]["vocab"] | {"<|endoftext|>": 50257}
    (folder / "vocab.json").write_text(json.dumps(words))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(official["model"]["merges"]) + "\n", "utf-8")
    added = {t["content"]: t["id"] for t in official["added_tokens"]} | {"covfefe": 51865, "hamberder": 51866}
    (folder / "added_tokens.json").write_text(json.dumps(added))
    read = load_checkpoint(None, str(folder))
    ours = BpeTokenizer.from_str(build_tokenizer_json(dims, read.tokenizer_json))
    plain = BpeTokenizer.from_str(json.dumps(official))
    text = " The weather is fine — wörld! 日本語"
    assert ours.encode(text).ids == plain.encode(text).ids
    assert ours.token_to_id("hamberder") == 51866
    assert ours.token_to_id("<|0.00|>") == 50364


def test_padded_vocabularies(tmp_path: Path) -> None:
    from ovw.convert.suppress import suppress_tokens

    dims = Dims(**TINY.as_dict() | {"n_vocab": 51904})
    ours = BpeTokenizer.from_str(build_tokenizer_json(dims, with_more_words(TINY, ["covfefe"])))
    assert ours.get_vocab_size() == 51904
    assert set(range(51866, 51904)) <= set(suppress_tokens(ours))
    assert 51865 not in suppress_tokens(ours)


def test_tokenizers_that_do_not_fit() -> None:
    dims = Dims(**TINY.as_dict() | {"n_vocab": 52100})
    lacking = json.loads(with_more_words(TINY, ["a"] * 100))
    for given, told in (
        (with_more_words(TINY, ["x"]), "ends at token 51865, the model's vocabulary has 52100"),
        ('{"model": 3}', "cannot be used"),
        ("[]", "cannot be used"),
    ):
        with pytest.raises(OvwError, match=told):
            build_tokenizer_json(dims, given)
    lacking["added_tokens"] = [t for t in lacking["added_tokens"] if t["content"] != "<|startofprev|>"]
    with pytest.raises(OvwError, match=r"no <\|startofprev\|>"):
        build_tokenizer_json(Dims(**TINY.as_dict() | {"n_vocab": 51965}), json.dumps(lacking))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"config.json": "{"}, "config.json cannot be read"),
        ({"config.json": "[1]"}, "config.json holds a list"),
        ({"config.json": '{"model_type": "wav2vec2"}'}, "model_type is 'wav2vec2', Whisper's is 'whisper'"),
        ({"config.json": '{"d_model": "big"}'}, "has no num_mel_bins, max_source_positions, d_model"),
        ({"model.safetensors": "garbage"}, "model.safetensors"),
        ({"generation_config.json": '{"alignment_heads": [[1, 2, 3]]}'}, "alignment_heads is not a list"),
        ({"generation_config.json": '{"alignment_heads": {"a": 1}}'}, "alignment_heads is not a list"),
        ({"generation_config.json": "nothing"}, "generation_config.json cannot be read"),
        ({"tokenizer.json": '{"half'}, "tokenizer.json cannot be read"),
        ({"tokenizer.json": '{"added_tokens": [{"id": 1}]}'}, "cannot be read: 'content' is missing"),
        ({"model.safetensors.index.json": '{"weight_map": {"a": "../../b"}}', "model.safetensors": None}, "weight_map"),
        (
            {"model.safetensors.index.json": '{"weight_map": {"a": "b"}}', "model.safetensors": None},
            "which is not there",
        ),
        ({"pytorch_model.bin": "garbage", "model.safetensors": None}, "not a file of PyTorch's"),
    ],
)
def test_damaged_folders_are_explained(tmp_path: Path, damage: dict, told: str) -> None:
    folder = save_hf(tmp_path / "broken-one", random_checkpoint(TINY))
    for name, text in damage.items():
        (folder / name).unlink(missing_ok=True)
        if text is not None:
            (folder / name).write_text(text)
    with pytest.raises(OvwError) as failure:
        load_checkpoint(None, str(folder))
    assert told in failure.value.message
    assert "broken-one" in failure.value.message


def test_absurd_dimensions_are_told(tmp_path: Path) -> None:
    folder = save_hf(tmp_path / "a", random_checkpoint(TINY))
    config = json.loads((folder / "config.json").read_text())
    for key, value, told in (
        ("encoder_layers", 10**9, "gives 1000000000 layers"),
        ("decoder_layers", 0, "n_text_layer is 0"),
        ("d_model", True, "n_audio_state is True"),
        ("encoder_attention_heads", 5, "not divisible by n_audio_head 5"),
    ):
        (folder / "config.json").write_text(json.dumps(config | {key: value}))
        with pytest.raises(OvwError, match=told):
            load_checkpoint(None, str(folder))


def test_unknown_and_missing_tensors_are_told(tmp_path: Path) -> None:
    made = random_checkpoint(TINY)
    extra = {f"model.decoder.layers.0.adapter.{i}": torch.zeros(1) for i in range(20)}
    with pytest.raises(OvwError, match=r"adapter\.0 is unknown.* and 12 more"):
        load_checkpoint(None, str(save_hf(tmp_path / "a", made, extra=extra)))


def test_an_adapter_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(OvwError, match="holds an adapter"):
        load_checkpoint(None, str(tmp_path))


def test_hashes_tell_who_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts of a published size come with its weights, not with its dimensions."""
    from dataclasses import replace

    from ovw.convert.sources import identity
    from ovw.models import find_size

    made = random_checkpoint(TINY).checked()
    folder = save_hf(tmp_path / "a", made)
    turbo = find_size("turbo")
    twin = replace(turbo, dims=TINY, alignment_heads=((1, 1),))
    monkeypatch.setattr(identity, "sizes", lambda: {"twin": twin})
    unknown = load_checkpoint(None, str(folder))
    assert unknown.alignment_heads is None
    assert unknown.can.translate
    pinned = replace(twin, sources=replace(twin.sources, tensors_sha256=tensors_sha256(made.tensors)))
    monkeypatch.setattr(identity, "sizes", lambda: {"twin": pinned})
    known = load_checkpoint(None, str(folder))
    assert known.alignment_heads == ((1, 1),)
    assert not known.can.translate
