"""Serving the page: on this machine alone unless there is a password, and nothing of it stays behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from ovw.api.whisper import Whisper
from ovw.errors import OvwError
from ovw.lifetime import scratch_folder
from ovw.runtime.device import DeviceOptions
from ovw.ui.actions import VerbActions
from ovw.ui.config import USER, UiConfig
from ovw.ui.tabs import LoadedModels, Tabs

FONTS = ["system-ui", "sans-serif"]
MONOSPACE = ["ui-monospace", "monospace"]
SILENT = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}


def serve(config: UiConfig, actions: VerbActions, on_ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve the page until the process is interrupted.

    Args:
        config: of the server.
        actions: conversion and measuring.
        on_ready: called with the page's address.

    Raises:
        OvwError: the port is taken.
    """
    with scratch_folder() as folder:
        os.environ.update(SILENT | {"GRADIO_TEMP_DIR": str(folder / "uploads")})  # read while Gradio is imported
        import gradio as gr

        from ovw.ui.page import CSS, Page

        tabs = Tabs(folder / "tabs")
        models = LoadedModels(partial(_load, config))
        page = Page(config, tabs, models, actions).build()
        try:
            _, address, _ = page.queue(default_concurrency_limit=config.users).launch(
                server_name=config.host,
                server_port=config.port or None,
                auth=(USER, config.password) if config.password else None,
                max_file_size=f"{config.upload_limit:g}mb",
                theme=gr.themes.Default(font=FONTS, font_mono=MONOSPACE),
                css=CSS,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                footer_links=[],
            )
        except OSError as error:
            raise OvwError(
                f"cannot listen on {config.host}:{config.port}: {error}", "--port 0 takes a free one"
            ) from None
        on_ready(address)
        try:
            page.block_thread()
        finally:
            tabs.close_all()
            page.close(verbose=False)


def _load(config: UiConfig, name: str) -> Whisper:
    return Whisper(name, device=DeviceOptions(device=config.device, threads=config.threads))
