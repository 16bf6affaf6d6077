"""Whisper on OpenVINO: verified conversion, transcription and subtitles.

    from ovw import Whisper

    result = Whisper("base").transcribe("talk.mp4")
    for segment in result:  # as soon as it is decoded
        print(segment.start, segment.end, segment.text)
    result.save("talk.srt")

Importing this package loads nothing heavy; `Whisper` is resolved on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovw.lazy import lazy_exports
from ovw.telemetry import disable_telemetry

if TYPE_CHECKING:
    from ovw.api.transcription import Transcription as Transcription
    from ovw.api.whisper import Whisper as Whisper
    from ovw.errors import OvwError as OvwError
    from ovw.transcribe.options import TranscribeOptions as TranscribeOptions
    from ovw.transcribe.result import Segment as Segment

__version__ = "0.1.0"

disable_telemetry()

__all__ = ["OvwError", "Segment", "TranscribeOptions", "Transcription", "Whisper", "__version__"]
__getattr__ = lazy_exports(
    __name__,
    {
        "OvwError": "ovw.errors",
        "Segment": "ovw.transcribe.result",
        "TranscribeOptions": "ovw.transcribe.options",
        "Transcription": "ovw.api.transcription",
        "Whisper": "ovw.api.whisper",
    },
)
