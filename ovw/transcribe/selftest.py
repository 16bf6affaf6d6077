"""The golden self-test: what an artifact says about a bundled clip, in f32, by plain greedy decoding."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.hashing import file_sha256
from ovw.artifact.manifest import Golden, read_manifest
from ovw.audio.decode import load_audio
from ovw.audio.mel import log_mel_spectrogram
from ovw.errors import OvwError, reason
from ovw.models import Dims
from ovw.runtime.decoder import DecoderSession
from ovw.runtime.device import EXACT
from ovw.runtime.encoder import EncoderSession
from ovw.transcribe.decoding.task import control_tokens
from ovw.transcribe.tokenizer import Tokenizer

CLIP = "selftest.flac"
MAX_TOKENS = 32


def clip_mel(dims: Dims) -> NDArray[np.float32]:
    """The bundled clip as one window, [1, n_mels, frames], silence behind it."""
    with as_file(files("ovw.assets").joinpath(CLIP)) as path:
        samples = load_audio(path)
    full = log_mel_spectrogram(samples, dims.n_mels, dims.n_frames)
    return np.ascontiguousarray(full[None, :, : dims.n_frames])


def clip_sha256() -> str:
    """Hash of the bundled clip."""
    with as_file(files("ovw.assets").joinpath(CLIP)) as path:
        return file_sha256(path)


def golden_prompt(tokenizer: Tokenizer) -> list[int]:
    """English (or the first language there is), transcribe, no timestamps."""
    known = tokenizer.language_tokens
    language = ("en" if "en" in known else next(iter(known), None)) if tokenizer.multilingual else None
    return list(control_tokens(tokenizer, language, "transcribe", without_timestamps=True))


def greedy_tokens(decoder: DecoderSession, hidden: NDArray[np.float32], prompt: list[int], eot: int) -> list[int]:
    """The likeliest token at every step, with no rule applied, up to the end-of-text token or `MAX_TOKENS`."""
    decoder.start(hidden)
    row = np.zeros(1, np.int32)
    logits = decoder.step(np.array([prompt]), row)
    tokens: list[int] = []
    while len(tokens) < MAX_TOKENS:
        tokens.append(int(logits[0, -1].argmax()))
        if tokens[-1] == eot:
            break
        logits = decoder.step(np.array([tokens[-1:]]), row)
    return tokens


def run_golden(folder: Path, dims: Dims) -> Golden:
    """Run the self-test on an artifact folder."""
    tokenizer = Tokenizer.from_artifact(folder)
    hidden = EncoderSession(folder, EXACT)(clip_mel(dims))
    prompt = golden_prompt(tokenizer)
    tokens = greedy_tokens(DecoderSession(folder, EXACT), hidden, prompt, tokenizer.eot)
    return Golden(
        clip=CLIP, clip_sha256=clip_sha256(), prompt=prompt, tokens=tokens, text=tokenizer.text_of(tokens).strip()
    )


def find_golden_problems(folder: Path) -> list[str]:
    """Run the self-test; empty when the artifact says what it said when it was made."""
    try:
        manifest = read_manifest(folder)
        expected = manifest.golden
        found = run_golden(folder, manifest.dimensions())
    except OvwError as error:
        return [str(error)]
    except (RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
        return [f"self-test: OpenVINO cannot run it: {reason(error)}"]
    if found.clip_sha256 != expected.clip_sha256:
        return [f"self-test: made with another clip (SHA-256 {expected.clip_sha256}), by {manifest.tools.get('ovw')}"]
    if found.tokens != expected.tokens:
        return [f"self-test: it said {found.text!r}, when it was made it said {expected.text!r}"]
    return []
