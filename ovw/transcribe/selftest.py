"""The golden self-test: an artifact's tokens for a bundled clip, in f32, by plain greedy decoding.

Where an encoder quantises activations, a difference of 1e-7 in its input, or kernels that add in another order, round
some of them otherwise, and its output moves by 3 to 4 % (relative L2, tiny.en and base), half of what quantisation
itself does. There, tokens may be others where two are nearly as likely.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.hashing import file_sha256
from ovw.artifact.layouts import layout_row
from ovw.artifact.manifest import Golden, Manifest, Shapes, read_manifest
from ovw.audio.decode import load_audio
from ovw.audio.mel import log_mel_spectrogram
from ovw.errors import DAMAGE, OvwError, quoted, reason
from ovw.models import Dims
from ovw.runtime.device import EXACT
from ovw.runtime.protocols import Decoder
from ovw.runtime.sessions import open_encoder, open_sessions
from ovw.transcribe.prompt import control_tokens
from ovw.transcribe.tokenizer import Tokenizer

CLIP = "selftest.flac"
MAX_TOKENS = 32
HIDDEN_VALUES = 8
HIDDEN_TOLERANCE = 0.01
ROUNDED_HIDDEN = 0.4
"""As `HIDDEN_TOLERANCE` where activations are quantised, of values around 1; rounding moves them by up to 0.11."""
ROUNDED_LOGITS = 0.5
"""Logits by which a token may lie behind the likeliest there; rounding makes it up to 0.06."""


def bundled_file(name: str = CLIP) -> AbstractContextManager[Path]:
    """A file of `ovw.assets`, as long as the block lasts; by default the bundled clip."""
    return as_file(files("ovw.assets").joinpath(name))


def bundled_clip(name: str = CLIP) -> NDArray[np.float32]:
    """The samples of the bundled clip, or of other sound in `ovw.assets`, [n]."""
    with bundled_file(name) as path:
        return load_audio(path)


def clip_mel(dims: Dims, shapes: Shapes | None = None) -> NDArray[np.float32]:
    """The bundled clip as one window, silence behind it, [1, n_mels, frames].

    Args:
        dims: of the model.
        shapes: what the artifact takes: fewer frames cut the window, a batch of at least B repeats it B times.
    """
    full = log_mel_spectrogram(bundled_clip(), dims.n_mels, dims.n_frames)
    frames = shapes.frames[1] if shapes else dims.n_frames
    return np.repeat(full[None, :, :frames], shapes.batch[0] if shapes else 1, axis=0)


def clip_sha256() -> str:
    """Hash of the bundled clip."""
    with bundled_file() as path:
        return file_sha256(path)


def golden_prompt(tokenizer: Tokenizer) -> list[int]:
    """English (or the first language there is), transcribe, no timestamps."""
    return list(control_tokens(tokenizer, default_language(tokenizer), "transcribe", without_timestamps=True))


def default_language(tokenizer: Tokenizer) -> str | None:
    """English, or the first language there is; `None` for an English-only model."""
    known = tokenizer.language_tokens
    return ("en" if "en" in known else next(iter(known), None)) if tokenizer.multilingual else None


def greedy_tokens(
    decoder: Decoder, hidden: NDArray[np.float32], prompt: list[int], eot: int, shapes: Shapes | None = None
) -> list[int]:
    """The likeliest token at every step, with no rule applied, up to end of text, `MAX_TOKENS` or a full cache.

    Hidden states [B, S, state] of one window, repeated, are decoded as B equal rows; the first is the answer.
    """
    decoder.start(hidden)
    rows = len(hidden)
    logits = feed(decoder, np.array([prompt] * rows))
    tokens: list[int] = []
    room = shapes.cache[1] - len(prompt) if shapes and shapes.cache else MAX_TOKENS
    while len(tokens) < min(MAX_TOKENS, room):
        tokens.append(int(logits[0, -1].argmax()))
        if tokens[-1] == eot:
            break
        logits = decoder.step(np.array([tokens[-1:]] * rows), np.arange(rows, dtype=np.int32))
    return tokens


def feed(decoder: Decoder, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits of tokens [rows, n] behind what is cached, in as many calls as the decoder's bounds ask for."""
    width = decoder.max_tokens if decoder.max_tokens > 0 else tokens.shape[1]
    rows = np.arange(len(tokens), dtype=np.int32)
    pieces = range(0, tokens.shape[1], width)
    return np.concatenate([decoder.step(tokens[:, at : at + width], rows).copy() for at in pieces], 1)


def run_golden(folder: Path, manifest: Manifest) -> Golden:
    """Run the self-test on an artifact folder.

    Args:
        folder: of the artifact.
        manifest: what it is.
    """
    mel = clip_mel(manifest.dimensions(), manifest.shapes)
    if not layout_row(manifest.layout).decodes:
        return encoder_golden(open_encoder(folder, manifest.layout, EXACT)(mel))
    tokenizer = Tokenizer.from_artifact(folder)
    encoder, decoder = open_sessions(folder, manifest.layout, EXACT)
    prompt = golden_prompt(tokenizer)
    tokens = greedy_tokens(decoder, encoder(mel), prompt, tokenizer.eot, manifest.shapes)
    return text_golden(prompt, tokens, tokenizer)


def text_golden(prompt: list[int], tokens: list[int], tokenizer: Tokenizer) -> Golden:
    """The self-test's result for a layout with a decoder: prompt, tokens and text."""
    text = tokenizer.text_of(tokens).strip()
    return Golden(clip=CLIP, clip_sha256=clip_sha256(), prompt=prompt, tokens=tokens, text=text)


def encoder_golden(hidden: NDArray[np.float32]) -> Golden:
    """The first hidden values of the clip, for a layout whose decoder another program runs."""
    first = [round(float(value), 4) for value in hidden[0, 0, :HIDDEN_VALUES]]
    return Golden(clip=CLIP, clip_sha256=clip_sha256(), prompt=[], tokens=[], text="", hidden=first)


def find_golden_problems(folder: Path) -> list[str]:
    """Run the self-test; empty when the result equals the one in the manifest."""
    try:
        manifest = read_manifest(folder)
        return golden_differences(folder, manifest, manifest.golden)
    except OvwError as error:
        return [str(error)]
    except DAMAGE as error:
        return [f"self-test: the runtime cannot run it: {reason(error)}"]


def golden_differences(folder: Path, manifest: Manifest, expected: Golden | None) -> list[str]:
    """Run the self-test, and compare the result.

    Args:
        folder: of the artifact.
        manifest: what it is.
        expected: the result of an earlier run; none of an artifact of another program.
    """
    if expected is None:
        return []
    if clip_sha256() != expected.clip_sha256:
        return [f"self-test: made with another clip (SHA-256 {expected.clip_sha256}), by {manifest.tools.get('ovw')}"]
    found = run_golden(folder, manifest)
    rounded = manifest.quantises_activations
    if found.tokens != expected.tokens and not (rounded and _lag(folder, manifest, expected) < ROUNDED_LOGITS):
        return [f"self-test: the text is {quoted(found.text)}, when it was made it was {quoted(expected.text)}"]
    tolerance = ROUNDED_HIDDEN if rounded else HIDDEN_TOLERANCE
    if not np.allclose(found.hidden or [], expected.hidden or [], rtol=0, atol=tolerance):
        return [f"self-test: the encoder gave {found.hidden}, when it was made it gave {expected.hidden}"]
    return []


def _lag(folder: Path, manifest: Manifest, expected: Golden) -> float:
    """Logits by which one of the expected tokens lies behind the likeliest, at most; infinite for NaN."""
    encoder, decoder = open_sessions(folder, manifest.layout, EXACT)
    hidden = encoder(clip_mel(manifest.dimensions(), manifest.shapes))
    decoder.start(hidden)
    fed = [*expected.prompt, *expected.tokens[:-1]]
    logits = feed(decoder, np.array([fed] * len(hidden)))[0, len(expected.prompt) - 1 :]
    lags = logits.max(-1) - logits[np.arange(len(expected.tokens)), expected.tokens]
    return float(lags.max()) if np.isfinite(lags).all() else float("inf")
