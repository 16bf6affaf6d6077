"""whisper.cpp's model file, ggml `.bin`: f32, f16, and its quantisations in blocks of 32 values.

Little endian throughout: i32 magic; eleven i32 hyperparameters; the mel filters as i32 rows, i32 columns and f32
values; i32 count of text tokens, each an i32 length and its bytes, in the order of their ids; then tensors to the end,
each i32 rank, i32 length of the name, i32 type, i32 dims[rank] with the fastest first, name, data. Names are
openai/whisper's; the biases of the convolutions have a second dimension of 1 (whisper.cpp,
`models/convert-pt-to-ggml.py`; the blocks: ggml, `src/ggml-quants.c`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.hashing import file_sha256
from ovw.convert.sources.checkpoint import Checkpoint, CheckpointFormat, Tensors
from ovw.convert.sources.reading import Reader, map_file
from ovw.convert.tokenizer import OFFICIAL_VOCABULARIES, text_vocabulary
from ovw.errors import OvwError
from ovw.models import Dims

MAGIC = 0x67676D6C
HPARAMS = (
    "n_vocab", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer",
    "n_text_ctx", "n_text_state", "n_text_head", "n_text_layer", "n_mels", "ftype",
)  # fmt: skip
TYPE_CODES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8}
OTHER_TYPES = {9: "q8_1", 10: "q2_K", 11: "q3_K", 12: "q4_K", 13: "q5_K", 14: "q6_K", 15: "q8_K", 30: "bf16"}
PLAIN_FTYPES = (0, 1)
QUANTISATION_VERSION = 2
"""Stands in the thousands of a quantised file's `ftype`; the blocks of earlier versions were laid out otherwise."""
CONV_BIASES = ("encoder.conv1.bias", "encoder.conv2.bias")
MAX_WORDS, MAX_TENSORS, MAX_RANK = 1 << 20, 100_000, 4
"""More than that is damage, which may announce any number of things that take no room."""
BLOCK = 32
SCALE, OFFSET, FIFTH_BITS, NIBBLES = ("scale", "<f2"), ("offset", "<f2"), ("fifth_bits", "u1", (4,)), ("q", "u1", (16,))


@dataclass(frozen=True)
class Quantisation:
    """The layout of a block of 32 values: value = (q - zero) * scale + offset.

    Attributes:
        layout: of a block.
        zero: the q that stands for no deviation from the offset.
    """

    layout: np.dtype[np.void]
    zero: int

    def values(self, data: memoryview) -> NDArray[np.float32]:
        """The f32 values of consecutive blocks, [blocks * 32]."""
        blocks = np.frombuffer(data, self.layout)
        values = self._levels(blocks).astype(np.float32)
        values -= self.zero
        values *= blocks["scale"].astype(np.float32)[:, None]
        if "offset" in (self.layout.names or ()):
            values += blocks["offset"].astype(np.float32)[:, None]
        return values.reshape(-1)

    def _levels(self, blocks: NDArray[np.void]) -> NDArray[np.integer]:
        q: NDArray[np.integer] = blocks["q"]
        if q.dtype == np.int8:
            return q
        levels = np.concatenate([q & 15, q >> 4], axis=1)  # low halves are the first 16 values
        if "fifth_bits" in (self.layout.names or ()):
            levels |= np.unpackbits(blocks["fifth_bits"], axis=1, bitorder="little") << 4
        return levels


QUANTISATIONS = {
    "q4_0": Quantisation(np.dtype([SCALE, NIBBLES]), 8),
    "q4_1": Quantisation(np.dtype([SCALE, OFFSET, NIBBLES]), 0),
    "q5_0": Quantisation(np.dtype([SCALE, FIFTH_BITS, NIBBLES]), 16),
    "q5_1": Quantisation(np.dtype([SCALE, OFFSET, FIFTH_BITS, NIBBLES]), 0),
    "q8_0": Quantisation(np.dtype([SCALE, ("q", "i1", (32,))]), 0),
}


def is_ggml(path: Path) -> bool:
    """Whether a file begins as one of whisper.cpp's."""
    with path.open("rb") as stream:
        return stream.read(4) == MAGIC.to_bytes(4, "little")


def read_ggml(path: Path) -> Checkpoint:
    """Read a whisper.cpp model; quantised tensors come back as f32.

    Raises:
        OvwError: a quantisation or a vocabulary that cannot be read.
        ValueError: not such a file, or one that is cut off.
    """
    reader = Reader(map_file(path))
    if reader.number("i") != MAGIC:
        raise ValueError("it does not begin as whisper.cpp's models do")
    hparams = dict(zip(HPARAMS, reader.numbers("i", len(HPARAMS)), strict=True))
    version, ftype = divmod(hparams.pop("ftype"), 1000)
    if ftype not in PLAIN_FTYPES and version != QUANTISATION_VERSION:
        raise OvwError(
            f"{path} is quantised in version {version}, ovw reads {QUANTISATION_VERSION}", "fetch a newer one"
        )
    dims = Dims(**hparams)
    rows, columns = reader.numbers("i", 2)
    reader.take(4 * rows * columns)
    count = _at_most(MAX_WORDS, reader.number("i"), "words")
    words = [bytes(reader.take(reader.number("i"))) for _ in range(count)]
    _check_words(path, dims, words)
    return Checkpoint(dims, _tensors(path, reader), "ggml", path.name, file_sha256(path))


def _check_words(path: Path, dims: Dims, words: list[bytes]) -> None:
    """Refuse another vocabulary than OpenAI's: the file has its tokens, but not the merges that lead to them."""
    official = text_vocabulary(dims, None) if dims.n_vocab in OFFICIAL_VOCABULARIES else None
    if official is None or words[: len(official) - 1] != official[:-1]:  # the last may be missing: it is empty
        raise OvwError(
            f"{path} has a vocabulary of its own, and no merges", "convert the checkpoint that it was made from"
        )


def _tensors(path: Path, reader: Reader) -> Tensors:
    names = {code: name for name, code in TYPE_CODES.items()}
    tensors: dict[str, NDArray[np.floating]] = {}
    while not reader.done:
        _at_most(MAX_TENSORS, len(tensors), "tensors")
        rank, length, code = reader.numbers("i", 3)
        shape = reader.numbers("i", _at_most(MAX_RANK, rank, "dimensions"))[::-1]
        name = bytes(reader.take(length)).decode()
        if code not in names:
            kind, known = OTHER_TYPES.get(code, f"type {code}"), ", ".join(TYPE_CODES)
            raise OvwError(f"{path}: {name} is stored as {kind}, ovw reads {known}", "give the model in one of these")
        if name in tensors:
            raise ValueError(f"{name} is there twice")
        tensor = _values(reader, names[code], math.prod(shape)).reshape(shape)
        tensors[name] = tensor[:, 0] if name in CONV_BIASES else tensor
    return tensors


def _at_most(limit: int, count: int, what: str) -> int:
    if not 0 <= count <= limit:
        raise ValueError(f"it announces {count} {what}, at most {limit} can be")
    return count


def _values(reader: Reader, kind: str, count: int) -> NDArray[np.floating]:
    if quantisation := QUANTISATIONS.get(kind):
        if count % BLOCK:
            raise ValueError(f"{count} values are not whole blocks of {BLOCK}")
        return quantisation.values(reader.take(count // BLOCK * quantisation.layout.itemsize))
    dtype = np.dtype("<f4" if kind == "f32" else "<f2")
    return np.frombuffer(reader.take(count * dtype.itemsize), dtype)


FORMAT = CheckpointFormat("a ggml .bin file", lambda path: path.is_file() and is_ggml(path), read_ggml)
