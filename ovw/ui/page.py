"""The page itself: three tabs, and what their buttons do."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from ovw.artifact.locate import OFFERED
from ovw.artifact.precisions import PRECISIONS
from ovw.errors import OvwError
from ovw.models import sizes
from ovw.ui.actions import OnStep, VerbActions, stepwise
from ovw.ui.config import UiConfig
from ovw.ui.parts import choices, sentence, stops
from ovw.ui.subtitles_tab import SubtitlesTab
from ovw.ui.tabs import LoadedModels, Tabs

CONVERT, MEASURE = "convert", "measure"
"""Kinds of work; a tab does one of each at a time."""
BENCH_S = 60
REPORT_HEIGHT = 900
CACHE_S = (3600, 86_400)
"""Seconds between two looks at temporary files, and the age at which they go, of open tabs too."""
CSS = """
.or, .min_value, .max_value { color: inherit !important; }

#status { min-height: 1.6em; }
iframe.report { width: 100%; border: 1px solid #8886; border-radius: 8px; }
"""


class Page:
    """The parts of the page that its callbacks share.

    Args:
        config: of the server.
        tabs: the open ones.
        models: loaded ones.
        actions: conversion and measuring.
    """

    def __init__(self, config: UiConfig, tabs: Tabs, models: LoadedModels, actions: VerbActions) -> None:
        self.config = config
        self.tabs = tabs
        self.models = models
        self.actions = actions

    def build(self) -> gr.Blocks:
        """The page, ready to be served."""
        page: gr.Blocks
        with gr.Blocks(title="ovw", analytics_enabled=False, delete_cache=CACHE_S) as page:
            gr.Markdown(
                "# ovw\nSubtitles with Whisper on OpenVINO. Everything stays on the machine that runs this page."
            )
            with gr.Tab("Subtitles"):
                model = SubtitlesTab(self.config, self.tabs, self.models).build()
            with gr.Tab("Convert"):
                converted = self._convert()
            with gr.Tab("Measure"):
                artifacts = self._measure()
            page.unload(self._closed)
            page.load(choices, outputs=[model, artifacts])
            converted.then(choices, outputs=[model, artifacts])
        return page

    def _closed(self, request: gr.Request) -> None:
        self.tabs.close(request.session_hash)

    # --- convert

    def _convert(self) -> Any:
        with gr.Row():
            size = gr.Dropdown(list(sizes()), value=OFFERED[0], label="Size", elem_id="size")
            precision = gr.Dropdown(list(PRECISIONS), value=OFFERED[1], label="Precision", elem_id="precision")
        with gr.Row():
            start = gr.Button("Convert", variant="primary", elem_id="convert")
            stop = gr.Button("Stop", elem_id="stop-convert")
        steps = gr.Markdown("", elem_id="convert-steps")
        figures = gr.Dataframe(headers=["figure", "value"], label="The artifact", interactive=False, elem_id="parity")
        running = start.click(self._make, [size, precision], [steps, figures], concurrency_limit=1)
        stops(stop, self.tabs, CONVERT, [running], steps)
        return running

    def _make(self, size: str, precision: str, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        def rows(found: list[dict[str, str]]) -> list[list[str]]:
            return [[row["figure"], row["value"]] for row in found]

        stopped = self.tabs.of(request.session_hash).begin(CONVERT)
        yield from _shown(partial(self.actions.convert, size, precision), stopped, rows)

    # --- measure

    def _measure(self) -> gr.CheckboxGroup:
        names = gr.CheckboxGroup([], label="Artifacts", elem_id="artifacts")
        seconds = gr.Slider(20, 600, value=BENCH_S, step=10, label="Seconds", elem_id="seconds")
        with gr.Row():
            start = gr.Button("Measure", variant="primary", elem_id="measure")
            stop = gr.Button("Stop", elem_id="stop-measure")
        steps = gr.Markdown("", elem_id="measure-steps")
        report = gr.HTML(elem_id="report")
        running = start.click(self._bench, [names, seconds], [steps, report], concurrency_limit=1)
        stops(stop, self.tabs, MEASURE, [running], steps)
        return names

    def _bench(self, names: list[str], seconds: float, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        if not names:
            yield "choose at least one artifact", gr.skip()
            return

        def framed(path: Path) -> str:
            """The report in a frame of its own, which keeps its scripts away from this page."""
            content = html.escape(path.read_text(encoding="utf-8"), quote=True)
            return (
                f'<iframe class="report" title="Report" height="{REPORT_HEIGHT}" sandbox="allow-scripts" '
                f'srcdoc="{content}"></iframe>'
            )

        stopped = self.tabs.of(request.session_hash).begin(MEASURE)
        yield from _shown(partial(self.actions.bench, names, seconds), stopped, framed)


def _shown(
    run: Callable[[OnStep], Any], stopped: threading.Event, show: Callable[[Any], Any]
) -> Iterator[tuple[Any, Any]]:
    """Steps of some work as they begin, then its result."""
    try:
        for step in stepwise(run, stopped):
            yield step.text, gr.skip() if step.result is None else show(step.result)
    except OvwError as error:
        yield sentence(error), gr.skip()
