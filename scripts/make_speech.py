"""Make the small sets of real speech that ship with the project: one to calibrate with, one to score on.

    python scripts/make_speech.py LibriSpeech/train-clean-5

ovw/assets/speech/calibration   clips of the first three speakers
ovw/assets/speech/test          clips of the other three

Each set is a folder of Opus files with a `manifest.jsonl`. LibriSpeech (Panayotov et al., 2015) is CC BY 4.0, made
from LibriVox recordings, which are in the public domain.
"""

from __future__ import annotations

import json
import shutil
import sys
from itertools import islice
from pathlib import Path

import av
import numpy as np

from ovw.audio import SAMPLE_RATE
from ovw.audio.decode import load_audio
from ovw.datasets.librispeech import open_librispeech
from ovw.datasets.utterance import Utterance

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "ovw" / "assets" / "speech"
CLIPS_A_SPEAKER = 8
BIT_RATE = 16_000
LONGEST_S = 17.0


def main(source: Path) -> None:
    """Write both sets anew."""
    by_speaker: dict[str, list[Utterance]] = {}
    for item in open_librispeech(source, None):
        if isinstance(item, Utterance):
            by_speaker.setdefault(str(item.speaker), []).append(item)
    speakers = sorted(by_speaker)
    half = len(speakers) // 2
    shutil.rmtree(TARGET, ignore_errors=True)
    for name, chosen in (("calibration", speakers[:half]), ("test", speakers[half:])):
        write_set(TARGET / name, [clip for speaker in chosen for clip in short_clips(by_speaker[speaker])])


def short_clips(clips: list[Utterance]) -> list[Utterance]:
    """The first clips of a speaker that are not long."""
    return list(islice((c for c in clips if len(load_audio(c.audio)) <= LONGEST_S * SAMPLE_RATE), CLIPS_A_SPEAKER))


def write_set(folder: Path, clips: list[Utterance]) -> None:
    """Write clips and their manifest."""
    folder.mkdir(parents=True)
    lines = []
    for clip in clips:
        samples = load_audio(clip.audio)
        write_opus(folder / f"{clip.id}.opus", samples)
        lines.append(
            {
                "id": clip.id,
                "audio": f"{clip.id}.opus",
                "reference": clip.reference,
                "language": "en",
                "speaker": clip.speaker,
                "duration_s": round(len(samples) / SAMPLE_RATE, 3),
            }
        )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "manifest.jsonl").write_text(text, encoding="utf-8")


def write_opus(path: Path, samples: np.ndarray) -> None:
    """Write samples [n] at 16 kHz as Ogg Opus."""
    with av.open(str(path), "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=SAMPLE_RATE, layout="mono", bit_rate=BIT_RATE)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            out.mux(packet)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
