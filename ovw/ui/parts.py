"""Parts of the page that several tabs have."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr

from ovw.artifact.locate import default_artifact, installed
from ovw.errors import OvwError
from ovw.ui.tabs import Tabs


def stops(button: gr.Button, tabs: Tabs, work: str, started: list[Any], status: gr.Markdown) -> None:
    """Have a button stop work of its tab, and take it out of the queue if it still waits.

    Args:
        button: to press.
        tabs: the open ones.
        work: kind of the work.
        started: events that start it.
        status: shows that it was stopped.
    """

    def stop(request: gr.Request) -> str:
        tabs.of(request.session_hash).stop(work)
        return "stopped"

    button.click(stop, outputs=status, cancels=started, queue=False)


def downloads(files: list[str]) -> gr.File:
    """The list of files, not there while it is empty."""
    return gr.File(value=files, visible=True) if files else gr.File(value=None, visible="hidden")


def model_choice(**more: Any) -> gr.Dropdown:
    """The installed artifacts, with the preferred one chosen."""
    names = [folder.name for folder in installed()]
    preferred = default_artifact()
    chosen = preferred.name if preferred else names[0] if names else None
    return gr.Dropdown(names, value=chosen, label="Model", **more)


def choices() -> tuple[gr.Dropdown, gr.CheckboxGroup]:
    """The choices of artifacts in the first tab and in the third."""
    return model_choice(), gr.CheckboxGroup([folder.name for folder in installed()])


def sentence(error: OvwError, *files: str | Path | None) -> str:
    """An error for a person: what is wrong and what to do.

    Args:
        error: to describe.
        files: that are called by their names alone, since users do not know the server's folders.
    """
    text = f"{error.message}. Hint: {error.hint}." if error.hint else f"{error.message}."
    for file in files:
        if file:
            text = text.replace(str(file), Path(file).name)
    return html.escape(text)
