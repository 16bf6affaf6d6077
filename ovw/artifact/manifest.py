"""`manifest.json`: what an artifact is, where it came from and how it was proved."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import ValidationError, field_validator

from ovw.artifact import names
from ovw.artifact.arithmetic import Arithmetic, ManifestPart
from ovw.config import explain
from ovw.errors import OvwError, quoted, reason
from ovw.models import Dims
from ovw.parsing import load_json

SCHEMA_VERSION = 1
LONGEST_NAME = 255
"""Bytes in the name of a file, on the file systems there are."""
SEAL = "contents_sha256"
"""Key of the SHA-256 of all the others; not there in artifacts that were made before it was written."""


class Source(ManifestPart):
    """The checkpoint an artifact was made from."""

    kind: str
    """`wheel`, `openai`, `huggingface`, `ctranslate2`, `ggml` or `random`."""
    reference: str
    """The requested source: a name, a file or a folder (its last part only)."""
    sha256: str | None = None
    """Of the checkpoint file, where there is one."""
    tensors_sha256: str
    """Of the tensors, whatever file format brought them."""


class FileEntry(ManifestPart):
    """A file of the artifact."""

    bytes: int
    sha256: str


class Parity(ManifestPart):
    """Distances of the files on disk from PyTorch in f32, measured before the artifact was put in place.

    The figures of the decoder are null where a layout has no decoder graph, that of the reorder also where the shapes
    have no room for beams.
    """

    encoder_relative_l2: float
    logits_empty_cache: float | None
    """Largest absolute difference of decoder logits, prompt into an empty cache."""
    logits_filled_cache: float | None
    logits_beam_reorder: float | None
    greedy_tokens_equal: bool | None
    ggml_tensors_equal: bool | None = None
    """Whether the ggml file, read back, holds the checkpoint's tensors (in f16 those that are stored so)."""
    tolerance_encoder: float
    tolerance_logits: float

    @property
    def worst_logits(self) -> float | None:
        """The largest of the logits' differences."""
        measured = (self.logits_empty_cache, self.logits_filled_cache, self.logits_beam_reorder)
        return max((value for value in measured if value is not None), default=None)

    def describe(self) -> list[str]:
        """The figures, in a few words each."""
        figures = [f"encoder {self.encoder_relative_l2:.1e} (relative L2)"]
        if self.worst_logits is not None:
            figures.append(f"logits {self.worst_logits:.1e}")
        if self.greedy_tokens_equal is not None:
            figures.append(f"greedy tokens {'equal' if self.greedy_tokens_equal else 'different'}")
        if self.ggml_tensors_equal is not None:
            figures.append("ggml tensors equal")
        return figures


class SpeechSet(ManifestPart):
    """Speech that an artifact was made with, described exactly enough to keep it apart from what is scored."""

    name: str
    """Of the dataset."""
    clips: int
    seconds: float
    audio: dict[str, str]
    """Id of each utterance -> SHA-256 of its media file."""
    limit: int | None = None
    """Clips that were asked for; null for as many as suit."""


class WerGate(ManifestPart):
    """The cost of compression in words: the artifact against the fp32 IR on the same clips, by greedy decoding."""

    speech: SpeechSet
    words: int
    """In the references."""
    wer: float
    """In percent, as all that follows."""
    fp32_wer: float
    delta: float
    """`wer - fp32_wer`, in percentage points."""
    ci95: tuple[float, float]
    """95 % confidence interval of the delta, utterances resampled in pairs."""
    allowed: float
    """The largest delta that passes."""
    inference_precision: str
    verdict: Literal["passed", "undecided", "breached"]
    """`undecided`: above what is allowed, but so few words that it may be chance. `breached`: accepted all the same."""

    def describe(self) -> str:
        """The figures in one line."""
        low, high = self.ci95
        figures = f"WER {self.wer:.2f} % against fp32's {self.fp32_wer:.2f} %, {self.delta:+.2f} points"
        return f"{figures} ({low:+.2f} to {high:+.2f}), on {self.words} words of {self.speech.name}"


class Compression(ManifestPart):
    """The compression of an artifact and its cost."""

    recipe: dict[str, Any]
    calibration: SpeechSet | None = None
    """The speech that activations were measured on."""
    gate: WerGate | None = None
    """Null where no words can be scored: random weights."""
    trials: list[dict[str, Any]] | None = None
    """The recipes that a search tried, and what each came to."""


class Golden(ManifestPart):
    """The self-test's result: the same on any machine, with any later runtime, but for ties of quantised encoders."""

    clip: str
    clip_sha256: str
    prompt: list[int]
    tokens: list[int]
    text: str
    hidden: list[float] | None = None
    """Where a layout has no decoder graph: how the encoder's output begins, instead of tokens and text."""


class Shapes(ManifestPart):
    """Sizes of the graphs' axes, as inclusive (lowest, highest); -1 for no upper bound, null where nothing takes it."""

    kind: str
    """`dynamic`: the graph's own limits; `bounded`: written into the ports; `static`: one shape."""
    batch: tuple[int, int]
    tokens: tuple[int, int] | None
    """Fed to the decoder in one call."""
    cache: tuple[int, int] | None = None
    """Positions in the self-attention cache."""
    frames: tuple[int, int]

    def __str__(self) -> str:
        ranges = {axis: getattr(self, axis) for axis in ("batch", "tokens", "cache", "frames")}
        listed = (f"{axis} {show_range(*ends)}" for axis, ends in ranges.items() if ends)
        return f"{self.kind}: {', '.join(listed)}"


def show_range(low: int, high: int) -> str:
    """`1..5`, `3000` for one value, `1..` without an upper bound."""
    if low == high:
        return str(low)
    return f"{low}..{high if high >= 0 else ''}"


class Manifest(ManifestPart):
    """Description of an artifact: source, dimensions, precision, proofs and files."""

    schema_version: int
    name: str
    """The size, or the file stem of a custom checkpoint."""
    layout: str
    precision: str
    compression: Compression | None
    """Null for fp32 and fp16."""
    frontend: str
    """The frontend that made the graphs: `graph` (built op by op) or `onnx` (torch -> ONNX)."""
    source: Source
    dims: dict[str, int]
    languages: list[str]
    translate: bool
    alignment_heads: list[tuple[int, int]] | None
    shapes: Shapes
    parity: Parity | None
    """Null where nothing was compared: folders of other programs."""
    golden: Golden | None
    """Null there too."""
    arithmetic: Arithmetic | None = None
    """Null in artifacts that were made before it was measured."""
    tools: dict[str, str]
    """Versions of what made it."""
    created: str
    files: dict[str, FileEntry]

    @field_validator("dims")
    @classmethod
    def _known_dims(cls, dims: dict[str, int]) -> dict[str, int]:
        if set(dims) != set(Dims.__dataclass_fields__):
            raise ValueError(f"dimensions are {', '.join(Dims.__dataclass_fields__)}")
        if problems := Dims(**dims).problems():
            raise ValueError("; ".join(problems))
        return dims

    @field_validator("files")
    @classmethod
    def _inside(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        for name in files:
            parts = PurePosixPath(name).parts
            odd = not parts or parts[0] == "/" or ".." in parts or "\0" in name
            if odd or any(len(part.encode()) > LONGEST_NAME for part in parts):
                raise ValueError(f"{quoted(name)} is not the name of a file in this folder")
        return files

    def dimensions(self) -> Dims:
        return Dims(**self.dims)

    @property
    def quantises_activations(self) -> bool:
        """Whether the encoder quantises its activations, by ranges that were measured on speech."""
        return self.compression is not None and self.compression.calibration is not None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact folder.

    Raises:
        OvwError: no manifest, not JSON, a later schema version or a missing field.
    """
    path = folder / names.MANIFEST
    try:
        data = load_json(path)
    except FileNotFoundError:
        raise OvwError(
            f"{folder} is not an ovw artifact: it has no {names.MANIFEST}", "ovw convert makes one"
        ) from None
    except OSError as error:
        raise OvwError(f"{path} cannot be read: {reason(error)}", "remove the folder and convert again") from None
    except ValueError as error:
        raise OvwError(f"{path} is damaged: {error}", "remove the folder and convert again") from None
    if isinstance(data, dict):
        data.pop(SEAL, None)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise OvwError(
            f"{path} has schema version {quoted(version)}, this ovw reads {SCHEMA_VERSION}",
            "remove the folder and convert again",
        )
    try:
        return Manifest(**data)
    except ValidationError as error:
        raise OvwError(f"{path} is damaged: {explain(error)}", "remove the folder and convert again") from None


def is_as_written(folder: Path) -> bool:
    """Whether the manifest, which can be read, is what was written; those without a hash of their own pass."""
    data = load_json(folder / names.MANIFEST)
    return data.pop(SEAL, None) in (None, _seal(data))


def claim(folder: Path) -> None:
    """Mark a folder as one of ours until its manifest is written."""
    (folder / names.MANIFEST).touch()


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write the manifest into the folder it describes."""
    data = manifest.model_dump(mode="json")
    text = json.dumps({**data, SEAL: _seal(data)}, indent=2, ensure_ascii=False)
    (folder / names.MANIFEST).write_text(text + "\n", encoding="utf-8")


def _seal(data: dict[str, Any]) -> str:
    """The SHA-256 of the manifest's contents, however they are laid out."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
