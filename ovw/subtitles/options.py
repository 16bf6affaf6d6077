"""Options of subtitles."""

from __future__ import annotations

from pydantic import Field, model_validator

from ovw.config import Config

DEFAULT_LINES = 2
LONGEST_S = 3600.0
WITHOUT_TIMES = "words can be highlighted only where their times are known"


class LayoutOptions(Config):
    """Layout of segments as cues; by default every segment is one cue on one line."""

    max_line_width: int | None = Field(default=None, ge=1)
    """Columns of a line; East Asian wide characters take two. A longer word stays whole."""
    max_lines: int | None = Field(default=None, ge=1)
    """Lines of a cue, where lines have a width; 2 if not given. Longer cues are split."""
    max_words: int | None = Field(default=None, ge=1)
    """Words of a cue; of Chinese and Japanese, characters."""
    min_cue: float = Field(default=0.0, ge=0, le=LONGEST_S)
    """Seconds that a cue stays at least, as far as the next one leaves room."""
    max_cue: float | None = Field(default=None, ge=0.1, le=LONGEST_S)
    """Seconds that a cue stays at most; longer ones are split."""
    max_cps: float | None = Field(default=None, ge=1)
    """Characters per second: cues that have to be read faster stay longer, as far as the next one leaves room."""
    min_gap: float = Field(default=0.0, ge=0, le=LONGEST_S)
    """Seconds between cues, taken from the end of the first."""
    highlight_words: bool = False
    """Mark the word that is being spoken; needs the times of words."""

    @model_validator(mode="after")
    def _check_layout(self) -> LayoutOptions:
        if self.max_lines is not None and self.max_line_width is None:
            raise ValueError("max_lines needs max_line_width: without a width there is one line")
        if self.max_cue is not None and self.min_cue > self.max_cue:
            raise ValueError(f"min_cue {self.min_cue} is above max_cue {self.max_cue}")
        return self

    @property
    def lines(self) -> int:
        """Lines of a cue."""
        return self.max_lines or DEFAULT_LINES


PLAIN = LayoutOptions()
"""A cue a segment."""
