"""The cost of a bulk of audio: arithmetic from a measured speed. `python -m ovw.scale.cost --help`."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Fleet:
    """Machines that transcribe: how many, their measured speed and their price.

    Attributes:
        speed: hours of audio an hour of one machine, all its workers together, as measured.
        price: of one machine for an hour.
        machines: at once.
        overhead: share of machine time that is not transcription: starting, loading models, retries, stragglers.
        storage_price: of a gigabyte of audio for a month; 0 where it lies there anyway.
        kbit_s: of the audio as stored.
    """

    speed: float
    price: float
    machines: int
    overhead: float = 0.1
    storage_price: float = 0.0
    kbit_s: float = 64.0

    def machine_hours(self, audio_hours: float) -> float:
        """Machine hours for so much audio."""
        return audio_hours / self.speed * (1 + self.overhead)

    def days(self, audio_hours: float) -> float:
        """Days until it is done."""
        return self.machine_hours(audio_hours) / self.machines / 24

    def audio_tb(self, audio_hours: float) -> float:
        """Terabytes of audio."""
        return audio_hours * 3600 * self.kbit_s * 1000 / 8 / 1e12

    def cost(self, audio_hours: float) -> float:
        """Machines, and storage for as many begun months as it takes."""
        months = math.ceil(self.days(audio_hours) / 30)
        return (
            self.machine_hours(audio_hours) * self.price
            + self.audio_tb(audio_hours) * 1000 * self.storage_price * months
        )


def main(arguments: list[str] | None = None) -> None:
    """Print machine hours, days and cost."""
    parser = argparse.ArgumentParser(prog="python -m ovw.scale.cost", description="What a bulk of audio costs.")
    parser.add_argument("--hours", type=float, default=1_000_000, help="of audio")
    parser.add_argument("--speed", type=float, required=True, help="hours of audio an hour of one machine, measured")
    parser.add_argument("--price", type=float, required=True, help="of one machine for an hour")
    parser.add_argument("--machines", type=int, required=True, help="at once")
    parser.add_argument("--overhead", type=float, default=0.1, help="share of machine time lost")
    parser.add_argument("--storage-price", type=float, default=0.0, help="of a gigabyte for a month")
    parser.add_argument("--kbit-s", type=float, default=64.0, help="of the audio as stored")
    given = vars(parser.parse_args(arguments))
    hours = given.pop("hours")
    fleet = Fleet(**given)
    print(f"{hours:,.0f} h of audio, {fleet.audio_tb(hours):,.1f} TB")  # noqa: T201
    print(f"{fleet.machine_hours(hours):,.0f} machine hours, {fleet.days(hours):,.1f} days")  # noqa: T201
    print(f"cost {fleet.cost(hours):,.0f}, {fleet.cost(hours) / hours:.5f} an hour of audio")  # noqa: T201


if __name__ == "__main__":
    main()
