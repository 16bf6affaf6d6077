"""Serving the page: on this machine alone unless there is a password, and nothing of it stays behind."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ovw.api.whisper import Whisper
from ovw.errors import OvwError, reason
from ovw.runtime.device import DeviceOptions
from ovw.scratch import scratch_folder
from ovw.ui.actions import VerbActions
from ovw.ui.config import USER, UiConfig
from ovw.ui.origin import SameOrigin
from ovw.ui.tabs import LoadedModels, Tabs

FONTS = ["system-ui", "sans-serif"]
MONOSPACE = ["ui-monospace", "monospace"]
POLL_S = 3600.0


def serve(config: UiConfig, actions: VerbActions, on_ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve the page until the process is interrupted.

    Args:
        config: of the server.
        actions: conversion and measuring.
        on_ready: called with the page's address.

    Raises:
        OvwError: the port is taken.
    """
    with opened_page(config, actions) as address:
        on_ready(address)
        while True:
            time.sleep(POLL_S)


@contextmanager
def opened_page(config: UiConfig, actions: VerbActions) -> Iterator[str]:
    """A page that is served as long as the block lasts; its address.

    Args:
        config: of the server.
        actions: conversion and measuring.

    Raises:
        OvwError: the port is taken.
    """
    with scratch_folder() as folder:
        os.environ["GRADIO_TEMP_DIR"] = str(folder)  # read when Gradio is imported

        from starlette.middleware import Middleware

        from ovw.ui.page import CSS, Page

        tabs = Tabs(folder / "tabs")  # within that folder: Gradio copies files from elsewhere, and keeps the copies
        page = Page(config, tabs, LoadedModels(partial(_load, config)), actions).build()
        try:
            _, address, _ = page.queue(default_concurrency_limit=config.users).launch(
                server_name=config.host,
                server_port=config.port or free_port(config.host),
                auth=(USER, config.password) if config.password else None,
                max_file_size=f"{config.upload_limit * 1000:.0f}kb",
                theme=theme(),
                css=CSS,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                footer_links=[],
                app_kwargs={"middleware": [Middleware(SameOrigin, local=config.is_local)]},
            )
        except OSError as error:
            seen = f"cannot listen on {config.host}:{config.port}: {reason(error)}"
            raise OvwError(seen, "--port 0 takes a free one") from None
        try:
            yield address
        finally:
            tabs.close_all()
            page.close(verbose=False)


def theme() -> Any:
    """Gradio's own, with the system's fonts (its default fetches some) and buttons that can be read well."""
    import gradio as gr

    button = {"button_primary_background_fill": "*primary_700", "button_primary_background_fill_hover": "*primary_800"}
    return gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=MONOSPACE).set(
        **button, **{f"{name}_dark": value for name, value in button.items()}
    )


def free_port(host: str) -> int:
    """A port that nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _load(config: UiConfig, name: str) -> Whisper:
    return Whisper(name, device=DeviceOptions(device=config.device, threads=config.threads))
