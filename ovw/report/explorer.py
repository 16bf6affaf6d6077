"""The utterances of a report: what the page lists, filters and plays."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ovw.home import real_path
from ovw.media_fragment import split_fragment
from ovw.report.measured import MeasuredCase
from ovw.scoring.counts import Step
from ovw.scoring.utterances import ScoredUtterance, worst_first

MOST = 3000
"""Utterances of a system in the page; of more, those with the most errors."""
BIT_RATE = 32_000
"""Bits a second of embedded audio: speech, mono."""


@dataclass
class AudioSource:
    """Where the page finds the audio of an utterance: a link, or the audio itself as long as there is room.

    Attributes:
        page: folder of the page, which links are relative to.
        room: bytes for embedded audio; 0 embeds none.
    """

    page: Path
    room: int = 0
    _embedded: dict[Path, str] = field(default_factory=dict)

    def of(self, audio: str, folder: Path, duration_s: float) -> str | None:
        """The address of a clip; `None` where its file is not here.

        Args:
            audio: path in a hypothesis.
            folder: of the run.
            duration_s: of the clip; one that will not fit is not encoded.
        """
        name, fragment = split_fragment(audio)
        found = next((path for path in (Path(name), folder / name) if name and path.is_file()), None)
        if found is None:
            return None
        if fragment:  # browsers play that part; the whole recording would not fit
            return self._link(found) + fragment
        return self._embed(found, duration_s) or self._link(found)

    def _embed(self, path: Path, duration_s: float) -> str | None:
        if path in self._embedded:
            return self._embedded[path]
        if self.room <= duration_s * BIT_RATE / 8:
            return None
        encoded = base64.b64encode(encode_mp3(path)).decode()
        if len(encoded) > self.room:
            return None
        self.room -= len(encoded)
        return self._embedded.setdefault(path, f"data:audio/mpeg;base64,{encoded}")

    def _link(self, path: Path) -> str:
        try:
            return quote(os.path.relpath(real_path(path), real_path(self.page)).replace(os.sep, "/"))
        except ValueError:  # another drive
            return real_path(path).as_uri()


def explorer_data(cases: Sequence[MeasuredCase], audio: AudioSource) -> list[dict[str, Any]]:
    """The utterances of each case that has some, the worst first."""
    found = []
    for case in cases:
        rows = case.run.utterances.get(case.case.name, case.run.utterances.get("", []))
        if rows:
            listed = [
                _row(row, audio.of(row.hypothesis.audio, case.run.folder, row.hypothesis.duration_s))
                for row in worst_first(rows)[:MOST]
            ]
            found.append({"label": case.label, "total": len(rows), "rows": listed})
    return found


def _row(entry: ScoredUtterance, audio: str | None) -> dict[str, Any]:
    described = {
        "id": entry.hypothesis.id,
        "errors": entry.errors,
        **entry.counts._asdict(),
        "length": entry.length,
        "duration": round(entry.hypothesis.duration_s, 2),
        "language": entry.hypothesis.language or "",
        "flags": list(entry.flags),
        "steps": _steps(entry.steps),
        "raw": [entry.hypothesis.reference, entry.hypothesis.hypothesis],
    }
    compared = {"compared": _steps(entry.compared)} if entry.compared is not None else {}
    return described | compared | ({"audio": audio} if audio else {})


def _steps(steps: Sequence[Step]) -> list[str | list[str]]:
    """A string where both sides agree, else reference and hypothesis."""
    return [step.reference if step.kind == "equal" else [step.reference, step.hypothesis] for step in steps]


def encode_mp3(path: Path) -> bytes:
    """A media file's audio as MP3, mono at 16 kHz.

    Raises:
        OvwError: the file cannot be decoded.
    """
    import av
    import numpy as np

    from ovw.audio import SAMPLE_RATE
    from ovw.audio.decode import load_audio

    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE, options={"b": str(BIT_RATE)})
        stream.layout = "mono"
        stream.format = "s16p"
        samples = (np.clip(load_audio(path), -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16p", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return out.getvalue()
