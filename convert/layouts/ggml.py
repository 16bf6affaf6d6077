"""whisper.cpp's model file, ggml `.bin`: the mirror of `ovw.convert.sources.ggml`, which describes the format."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ovw.audio.mel import mel_filters
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.ggml import CONV_BIASES, HPARAMS, MAGIC, TYPE_CODES
from ovw.convert.tokenizer import OFFICIAL_VOCABULARIES, build_tokenizer_json, text_vocabulary
from ovw.errors import OvwError

POSITIONS = ("encoder.positional_embedding", "decoder.positional_embedding")


def write_ggml(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in f16, as whisper.cpp's own converter does.

    Matrices and convolutions are f16; biases, scales and positions f32, as whisper.cpp wants them. Weights that do not
    fit f16 are rounded: of files that are f32 throughout, whisper.cpp loads all and then aborts in a convolution.

    Args:
        path: the file to write.
        checkpoint: what to write.

    Raises:
        OvwError: a vocabulary that whisper.cpp cannot work with.
    """
    dims = checkpoint.dims
    if dims.n_vocab not in OFFICIAL_VOCABULARIES:
        known = ", ".join(map(str, OFFICIAL_VOCABULARIES))
        raise OvwError(
            f"whisper.cpp cannot use a vocabulary of {dims.n_vocab} tokens: it knows OpenAI's, {known}",
            "choose another --layout",
        )
    if build_tokenizer_json(dims, checkpoint.tokenizer_json) != build_tokenizer_json(dims, None):
        raise OvwError(
            f"whisper.cpp cannot use this vocabulary: of {dims.n_vocab} tokens it takes OpenAI's for granted",
            "choose another --layout",
        )
    filters = mel_filters(dims.n_mels)
    words = text_vocabulary(dims, checkpoint.tokenizer_json)
    hparams = dims.as_dict() | {"ftype": TYPE_CODES["f16"]}
    with path.open("wb") as out:
        out.write(struct.pack(f"<{1 + len(HPARAMS)}i", MAGIC, *(hparams[name] for name in HPARAMS)))
        out.write(struct.pack("<2i", *filters.shape) + filters.astype("<f4").tobytes())
        out.write(struct.pack("<i", len(words)))
        for word in words:
            out.write(struct.pack("<i", len(word)) + word)
        for name, tensor in checkpoint.tensors.items():
            _write_tensor(out, name, tensor)


def _write_tensor(out: BinaryIO, name: str, tensor: NDArray[np.floating]) -> None:
    kind = "f16" if tensor.ndim > 1 and name not in POSITIONS else "f32"
    data = np.ascontiguousarray(tensor, "<f2" if kind == "f16" else "<f4")
    shape = (*data.shape, 1) if name in CONV_BIASES else data.shape
    spelled = name.encode()
    out.write(struct.pack("<3i", len(shape), len(spelled), TYPE_CODES[kind]))
    out.write(struct.pack(f"<{len(shape)}i", *reversed(shape)) + spelled)
    out.write(data.data)
