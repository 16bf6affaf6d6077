"""The configuration of `ovw ui`."""

from __future__ import annotations

import ipaddress

from pydantic import Field, model_validator

from ovw.config import Config
from ovw.errors import UsageError

LOCAL_NAME = "localhost"
USER = "ovw"
"""Name to sign in with, beside the password."""


class UiConfig(Config):
    """The options of `ovw ui`, from a command line or a YAML file."""

    host: str = "127.0.0.1"
    """Address to listen on. Any but this machine's own needs a password."""
    port: int = Field(default=7860, ge=0, le=65535)
    """0 takes a free one."""
    password: str | None = Field(default=None, min_length=8, repr=False)
    """Asked for, with the name `ovw`, before anything is shown."""
    upload_limit: float = Field(default=2000.0, gt=0)
    """Megabytes of a file."""
    users: int = Field(default=2, ge=1, le=64)
    """Transcriptions that may run at the same time; others wait."""
    device: str = "CPU"
    """OpenVINO device."""
    threads: int = Field(default=0, ge=0)
    """Of a transcription; 0 takes all cores."""

    @model_validator(mode="after")
    def _check(self) -> UiConfig:
        if not self.is_local and not self.password:
            raise UsageError(
                f"host {self.host} is open to others, and there is no password",
                "set OVW_UI_PASSWORD to one of at least 8 characters, or leave --host out",
            )
        return self

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the page."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == LOCAL_NAME
