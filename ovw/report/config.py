"""The configuration of `ovw report`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from ovw.choices import ReportFormat
from ovw.config import Config, UserPath, as_list


class ReportConfig(Config):
    """The options of `ovw report`, from a command line or a YAML file."""

    records: tuple[str, ...] = Field(default=(), min_length=1, validate_default=True)
    """Records of `ovw bench` and `ovw eval`, or folders that `ovw eval` wrote."""
    output: UserPath = "report.html"
    """The page; other formats stand beside it under its name."""
    format: Annotated[tuple[ReportFormat, ...], BeforeValidator(as_list), Field(min_length=1)] = ("html",)
    """Any of: the page, each chart as a picture, tables as Markdown."""
    title: str | None = None
    """Of the page. By default made from the records."""
    embed_audio: float = Field(default=0.0, ge=0, le=500)
    """Megabytes of audio to put into the page, the utterances with the most errors first; 0 links to the files."""
    overwrite: bool = False
    """Replace files that ovw did not write, or that were edited since."""
