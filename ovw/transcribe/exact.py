"""All that `--exact` switches on and off: openai/whisper's own algorithm in f32, no approximation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ovw.errors import UsageError
from ovw.runtime.device import EXACT, DeviceOptions
from ovw.transcribe.options import TranscribeOptions

UNDECIDED = {"batch_size": 0}
"""Values that leave the choice to the runner."""


@dataclass(frozen=True)
class RunPolicy:
    """The freedom of a run to depart from the computation that was proved.

    Attributes:
        own_graphs: an artifact's graphs run as they are; no faster ones are made of them.
        precision: arithmetic of the device; `None` leaves it to the device options.
        options: decoding options that are fixed.
        whole_loudness: the loudest sound of a recording is known before its first window; long files are read twice.
        detection_at_start: the language is detected where a recording begins, whatever parts of it are asked for.
    """

    own_graphs: bool = False
    precision: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    whole_loudness: bool = False
    detection_at_start: bool = False

    def device(self, device: DeviceOptions) -> DeviceOptions:
        """Device options in the policy's arithmetic."""
        return device.model_copy(update={"precision": self.precision}) if self.precision else device

    def decoding(self, options: TranscribeOptions) -> TranscribeOptions:
        """Decoding options with those that are fixed."""
        return options.model_copy(update=dict(self.options))

    def check(self, options: TranscribeOptions | DeviceOptions, keywords: Collection[str] = ()) -> None:
        """Refuse options that were set to other values than the fixed ones.

        A default counts as set where it was given as a keyword: stored options set all fields when they are read back.

        Args:
            options: the options in force.
            keywords: names of those that were given one by one.

        Raises:
            UsageError: there is one.
        """
        set_here = options.model_dump(exclude_defaults=True) | {key: getattr(options, key) for key in keywords}
        if key := self.contradicted({**set_here, "inference_precision": set_here.get("precision")}):
            key, wanted = key.removeprefix("inference_"), self.flags()[key]
            raise UsageError(f"exact=True goes with {key}={wanted!r} only", "leave one of them out")

    def contradicted(self, flags: Mapping[str, Any]) -> str | None:
        """The first of `flags` that is fixed and was given another value."""
        fixed = self.flags().items()
        return next((key for key, value in fixed if flags.get(key) not in (None, value, UNDECIDED.get(key))), None)

    def detecting(self, options: TranscribeOptions) -> TranscribeOptions:
        """Decoding options for language detection."""
        return options.model_copy(update={"clip_timestamps": ()}) if self.detection_at_start else options

    def approximations_left_out(self) -> list[str]:
        """Approximations that the fixed options exclude."""
        return self.decoding(TranscribeOptions(batch_size=2)).approximations_left_out()

    def flags(self) -> dict[str, Any]:
        """Options of a command line that are fixed, with the only values that go with the policy."""
        return {**self.options, **({"inference_precision": self.precision} if self.precision else {})}


EXACTLY = RunPolicy(
    own_graphs=True,
    precision=EXACT.precision,
    options={"vad": False, "batch_size": 1, "audio_context": "full"},
    whole_loudness=True,
    detection_at_start=True,
)
"""`--exact`: window by window, over silence too."""
AS_LICENSED = RunPolicy()
"""Without it: whatever an artifact's manifest licenses and this machine computes soundly."""


def run_policy(*, exact: bool) -> RunPolicy:
    """The policy that `--exact` asks for, and the one without it."""
    return EXACTLY if exact else AS_LICENSED
