"""The Whisper sizes: dimensions, capabilities and sources, read from `configs/models.yaml`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal

from ovw.errors import UsageError, did_you_mean, quoted
from ovw.parsing import own_yaml

TrackForm = Literal["terminology", "bibliographic", "quicktime"]

LARGEST_DIMS = {
    "n_mels": 1 << 10,
    "n_audio_ctx": 1 << 13,
    "n_audio_state": 1 << 14,
    "n_audio_head": 1 << 10,
    "n_audio_layer": 1 << 10,
    "n_vocab": 1 << 20,
    "n_text_ctx": 1 << 13,
    "n_text_state": 1 << 14,
    "n_text_head": 1 << 10,
    "n_text_layer": 1 << 10,
}
"""Several times the largest of any Whisper."""
FRAMES_PER_POSITION = 2
"""Mel frames of a position of the encoder, and of a timestamp token."""
PLACE = re.compile(r"\s*\([^()]*\)$")
"""Behind the name of a language."""


@dataclass(frozen=True)
class Dims:
    """Whisper's dimensions, named as in openai/whisper's checkpoints."""

    n_mels: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_vocab: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int

    def problems(self) -> list[str]:
        """Values that no Whisper has, and that would fill the memory; a file can claim anything."""
        found = []
        for name, largest in LARGEST_DIMS.items():
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                found.append(f"{name} is {quoted(value)}")
            elif value > largest:
                found.append(f"{name} is {quoted(value)}, at most {largest} are possible")
        return found

    @property
    def n_frames(self) -> int:
        """Mel frames of one window: the second convolution halves them to `n_audio_ctx`."""
        return FRAMES_PER_POSITION * self.n_audio_ctx

    @property
    def multilingual(self) -> bool:
        return self.n_vocab >= 51865

    @property
    def n_languages(self) -> int:
        """Language tokens in the vocabulary: 99 or, from large-v3 on, 100."""
        return self.n_vocab - 51765 - int(self.multilingual)

    @property
    def parameters(self) -> int:
        """Number of weights, the fixed encoder positions not counted."""
        audio, text = self.n_audio_state, self.n_text_state
        convolutions = audio * (3 * self.n_mels + 1) + audio * (3 * audio + 1)
        encoder_block = _attention_size(audio) + _mlp_size(audio)
        decoder_block = 2 * _attention_size(text) + _mlp_size(text)
        embeddings = (self.n_vocab + self.n_text_ctx) * text
        final_norms = 2 * audio + 2 * text
        layers = self.n_audio_layer * encoder_block + self.n_text_layer * decoder_block
        return convolutions + layers + embeddings + final_norms

    @property
    def upper_half(self) -> list[tuple[int, int]]:
        """(layer, head) of the decoder's upper half: openai/whisper's stand-in for alignment heads not known."""
        layers = range(self.n_text_layer // 2, self.n_text_layer)
        return [(layer, head) for layer in layers for head in range(self.n_text_head)]

    def is_upper_half(self, heads: Collection[tuple[int, int]]) -> bool:
        """Whether (layer, head) pairs are those of `upper_half`, which is not made: dimensions may be any."""
        first = self.n_text_layer // 2
        own = {(layer, head) for layer, head in heads if first <= layer < self.n_text_layer and head < self.n_text_head}
        return len(own) == len(heads) == (self.n_text_layer - first) * self.n_text_head

    def has_head(self, layer: int, head: int) -> bool:
        """Whether the decoder has an attention head."""
        return 0 <= layer < self.n_text_layer and 0 <= head < self.n_text_head

    def usable_heads(self, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]] | None:
        """The (layer, head) pairs by which words can be timed; `None` where a file gives none that can be meant.

        Those of a larger decoder are not: a distilled one may still have its teacher's. Nor is the whole upper half,
        which CTranslate2's converter writes for checkpoints whose heads it does not know.
        """
        inside = all(self.has_head(layer, head) for layer, head in pairs)
        return list(pairs) if pairs and inside and not self.is_upper_half(pairs) else None

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def _attention_size(state: int) -> int:
    """Four projections (keys without bias) and a layer norm."""
    return 4 * state * state + 3 * state + 2 * state


def _mlp_size(state: int) -> int:
    """Two projections through four times the width, and a layer norm."""
    return 8 * state * state + 5 * state + 2 * state


@dataclass(frozen=True)
class Sources:
    """Where a size's weights can come from, and what they must hash to."""

    huggingface: str
    openai: str | None = None
    sha256: str | None = None
    extra: str | None = None
    wheels: tuple[tuple[str, ...], ...] = ()
    tensors_sha256: str | None = None


@dataclass(frozen=True)
class Capabilities:
    """Languages and tasks of a model."""

    languages: tuple[str, ...]
    translate: bool


CONFIG_KEYS = {
    "n_mels": "num_mel_bins",
    "n_audio_ctx": "max_source_positions",
    "n_audio_state": "d_model",
    "n_audio_head": "encoder_attention_heads",
    "n_audio_layer": "encoder_layers",
    "n_vocab": "vocab_size",
    "n_text_ctx": "max_target_positions",
    "n_text_state": "d_model",
    "n_text_head": "decoder_attention_heads",
    "n_text_layer": "decoder_layers",
}
"""Dimension -> its key in `config.json` of transformers."""


@dataclass(frozen=True)
class ModelInfo:
    """One size of `configs/models.yaml`."""

    name: str
    dims: Dims
    capabilities: Capabilities
    sources: Sources
    alignment_heads: tuple[tuple[int, int], ...] | None = field(default=None, repr=False)


@cache
def languages() -> dict[str, str]:
    """Language code -> English name, in token order."""
    return dict(own_yaml("languages.yaml")["languages"])


@cache
def sizes() -> dict[str, ModelInfo]:
    """Every known size by its name, smallest first."""
    return {name: _info(name, entry) for name, entry in own_yaml("models.yaml")["sizes"].items()}


def aliases() -> dict[str, str]:
    """Short name -> size."""
    return dict(own_yaml("models.yaml")["aliases"])


@cache
def _repositories() -> dict[str, str]:
    """Repository of the hub that published a size -> the size."""
    return {info.sources.huggingface: name for name, info in sizes().items() if info.sources.huggingface}


def size_name(name: str) -> str | None:
    """The size that a name means: its own, a short one, or that of its repository (`openai/whisper-base`)."""
    own = (
        aliases().get(name) or _repositories().get(name) or aliases().get(short := name.removeprefix("whisper-"), short)
    )
    return own if own in sizes() else None


def is_size(name: str) -> bool:
    """Whether a name means a size."""
    return size_name(name) is not None


def full_name(artifact: str) -> str:
    """The name of an artifact with a short size written out: `turbo-fp16` is `large-v3-turbo-fp16`."""
    if any(artifact.startswith(f"{size}-") for size in sizes()):
        return artifact
    short = next((alias for alias in aliases() if artifact.startswith(f"{alias}-")), "")
    return aliases().get(short, "") + artifact.removeprefix(short)


def find_size(name: str) -> ModelInfo:
    """The size that a name means, see `size_name`.

    Raises:
        UsageError: no such size, with the closest known one.
    """
    if (found := size_name(name)) is None:
        raise UsageError(f"unknown size '{name}'", did_you_mean(name, [*sizes(), *aliases()]))
    return sizes()[found]


def track_language(code: str, form: TrackForm) -> str:
    """The name of a track's language in a container, three letters.

    Args:
        code: as Whisper has it; `und` comes back for others.
        form: `terminology` and `bibliographic` are those of ISO 639-2.
    """
    table = own_yaml("iso639.yaml")
    three = str(table["terminology"].get(code, "und"))
    if form != "terminology":
        three = table["bibliographic"].get(three, three)
    return str(table["quicktime"].get(three, three)) if form == "quicktime" else three


def find_language(name: str) -> str:
    """The code of a language given by code, locale or English name, whatever its case.

    Raises:
        UsageError: no such language, with the closest known one.
    """
    code = known_language(name)
    if code is None:
        raise UsageError(f"unknown language '{name}'", did_you_mean(name.lower(), [*languages(), *_by_name()]))
    return code


def known_language(name: str) -> str | None:
    """The code of a language given by code (`pt`, `por`, `cmn`), locale (`pt-BR`, `zh_Hans_CN`) or English name.

    A place behind the name, `English (US)`, is passed over.
    """
    low = name.strip().lower()
    plain = PLACE.sub("", low)
    if (found := _by_name().get(low) or _by_name().get(plain)) is not None:
        return found
    subtags = plain.replace("_", "-").split("-")
    spellings = ("-".join(subtags[:2]), subtags[0])
    return next((_by_code()[spelling] for spelling in spellings if spelling in _by_code()), None)


@cache
def _by_name() -> dict[str, str]:
    return {full: code for code, full in languages().items()} | dict(own_yaml("languages.yaml")["aliases"])


@cache
def _by_code() -> dict[str, str]:
    """Whisper's codes and those of others for the same languages: ISO 639-2, withdrawn ones, macrolanguages."""
    table = own_yaml("iso639.yaml")
    terms: dict[str, str] = table["terminology"]
    three = {**terms, **{code: table["bibliographic"].get(term, term) for code, term in terms.items()}}
    others = {term: code for code, term in [*terms.items(), *three.items()]}
    return others | dict(own_yaml("languages.yaml")["codes"]) | {code: code for code in languages()}


def _info(name: str, entry: dict[str, Any]) -> ModelInfo:
    dims = Dims(**entry["dims"])
    codes = ("en",) if entry["languages"] == "english" else tuple(languages())[: dims.n_languages]
    sources = {**entry["sources"], "wheels": tuple(tuple(w) for w in entry["sources"].get("wheels", ()))}
    heads = entry["alignment_heads"]
    return ModelInfo(
        name=name,
        dims=dims,
        capabilities=Capabilities(codes, entry["translate"]),
        sources=Sources(**sources),
        alignment_heads=tuple((layer, head) for layer, head in heads) if heads else None,
    )
