"""Small datasets on disk, made of noise."""

from __future__ import annotations

import io
import json
import tarfile
import wave
from pathlib import Path

import numpy as np

TEXTS = {
    "61-70968-0000": "HE BEGAN A CONFUSED COMPLAINT",
    "61-70968-0001": "GIVE NOT SO EARNEST A MIND",
    "61-70969-0000": "TWENTY ONE GOLDEN GUINEAS",
    "908-157963-0000": "TO FADE AWAY LIKE MORNING BEAUTY",
    "908-157963-0001": "O LIFE OF THIS OUR SPRING",
}


def wav(seconds: float = 0.6, seed: int = 0, loudness: float = 3000) -> bytes:
    """Noise, by default with the loudness of speech, 16 kHz mono."""
    return wav_of(np.random.default_rng(seed).normal(0, loudness, round(seconds * 16000)).clip(-32768, 32767))


def wav_of(samples: np.ndarray) -> bytes:
    """Samples of 16 bits, 16 kHz mono, as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()


def librispeech(root: Path, split: str = "test-other") -> Path:
    """The official layout below `root/LibriSpeech`. FFmpeg looks into a file, not at its name."""
    for number, (key, text) in enumerate(TEXTS.items()):
        speaker, chapter, _ = key.split("-")
        folder = root / "LibriSpeech" / split / speaker / chapter
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{key}.flac").write_bytes(wav(0.5 + 0.1 * number, number))
        with (folder / f"{speaker}-{chapter}.trans.txt").open("a", encoding="utf-8") as transcript:
            transcript.write(f"{key} {text}\n")
    return root / "LibriSpeech"


def pack(root: Path, archive: Path) -> Path:
    """The folder `LibriSpeech` as OpenSLR packs it."""
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root, "LibriSpeech")
    return archive


def manifest(path: Path, rows: list[dict[str, object] | str]) -> Path:
    """Lines of JSON; a string stands as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
