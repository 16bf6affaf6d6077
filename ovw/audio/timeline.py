"""Where decoded sound belongs in time: frames carry clocks, and clocks can jump, stop or lie."""

from __future__ import annotations

GAP_S = 0.1
"""A smaller difference is rounding or codec priming, which every player ignores."""
LOSS_S = 0.015
"""The tolerance once packets have been lost: less than a packet of the common codecs holds."""
LONGEST_GAP_S = 1800.0
"""A longer jump is a broken clock, not silence."""


class Timeline:
    """Computes how much silence goes before each frame, so that later sound keeps its time.

    Lost packets and pauses leave a gap between the clocks of two frames. A jump that the next frame does not confirm is
    ignored. One that leads past the end of the media, is longer than `LONGEST_GAP_S` or goes back is a broken clock,
    which is read anew from there.

    Args:
        zero: clock reading at the start of the media, in seconds; by default that of the first frame.
        limit: seconds the media claims to last, if it does.
    """

    def __init__(self, zero: float | None, limit: float | None) -> None:
        self.position = 0.0
        """Seconds placed so far."""
        self.tolerance = GAP_S
        """Seconds by which a clock may be ahead without a gap."""
        self._zero = zero
        self._limit = limit
        self._end = 0.0

    def place(self, start: float | None, length: float, following: float | None) -> float:
        """Place the next frame.

        Args:
            start: its clock reading in seconds, if it has one.
            length: seconds of sound it holds.
            following: clock reading of the frame after it.

        Returns:
            Seconds of silence before it.
        """
        gap = 0.0 if start is None else self._gap(start, length, following)
        self.position += gap + length
        return gap

    def _gap(self, start: float, length: float, following: float | None) -> float:
        if self._zero is None:
            self._zero = start
        ahead = start - self._zero - self.position
        stepped_back = start < self._end - GAP_S
        self._end = start + length
        onward = None if following is None else following - self._end
        if ahead > self.tolerance:
            if self.position and (onward is None or onward < -GAP_S):
                return 0.0  # one wrong reading
            if self._believable(ahead):
                return ahead
            self._zero = start - self.position
        elif ahead < -GAP_S and stepped_back and onward is not None and abs(onward) <= GAP_S:
            self._zero = start - self.position
        return 0.0

    def _believable(self, ahead: float) -> bool:
        if self._limit is None:
            return ahead <= LONGEST_GAP_S
        within = self.position + ahead <= self._limit
        return within and (ahead <= LONGEST_GAP_S or not self.position)
