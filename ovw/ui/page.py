"""The page itself: three tabs, and what their buttons do."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from ovw.artifact.locate import default_artifact, installed
from ovw.artifact.names import PRECISIONS
from ovw.errors import OvwError
from ovw.models import languages, sizes
from ovw.subtitles import FORMATS
from ovw.subtitles.document import Document
from ovw.ui.actions import OnStep, VerbActions, stepwise
from ovw.ui.config import UiConfig
from ovw.ui.cues import HEADERS, edited
from ovw.ui.media import chosen_media, has_picture
from ovw.ui.tabs import LoadedModels, Tabs
from ovw.ui.transcription import VIDEO_COPY, SubtitleRequest, make_subtitles, track_file, write_files

SUBTITLES, CONVERT, MEASURE = "subtitles", "convert", "measure"
"""Kinds of work; a tab does one of each at a time."""
DETECT = "detect"
TASKS = [("same language", "transcribe"), ("translate to English", "translate")]
DEFAULT_SIZE, DEFAULT_PRECISION = "base", "fp16"
BENCH_S = 60
REPORT_HEIGHT = 900
CACHE_S = (60, 3600)
"""Seconds between two looks at temporary files, and the age at which they go."""
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
                model = self._subtitles()
            with gr.Tab("Convert"):
                converted = self._convert()
            with gr.Tab("Measure"):
                artifacts = self._measure()
            page.unload(self._closed)
            page.load(_installed, outputs=[model, artifacts])
            converted.then(_installed, outputs=[model, artifacts])
        return page

    def _closed(self, request: gr.Request) -> None:
        self.tabs.close(request.session_hash)

    def _stops(self, button: gr.Button, work: str, started: Any, status: gr.Markdown) -> None:
        """Have a button stop work of its tab, and take it out of the queue if it still waits."""

        def stop(request: gr.Request) -> str:
            self.tabs.of(request.session_hash).stop(work)
            return "stopped"

        button.click(stop, outputs=status, cancels=[started], queue=False)

    # --- subtitles

    def _subtitles(self) -> gr.Dropdown:
        document = gr.State()
        with gr.Row():
            with gr.Column():
                upload = gr.File(label="Video or audio file", type="filepath", height=150, elem_id="upload")
                recorded = gr.Audio(label="Recording", sources=["microphone"], type="filepath", elem_id="recorded")
                address = gr.Textbox(label="Address of a video or a file", placeholder="https://", elem_id="address")
            with gr.Column():
                model = model_choice(elem_id="model")
                task = gr.Radio(TASKS, value="transcribe", label="Text", elem_id="task")
                language = gr.Dropdown(
                    [(DETECT, DETECT), *((name.title(), code) for code, name in languages().items())],
                    value=DETECT, label="Spoken language", elem_id="language",
                )  # fmt: skip
                words = gr.Checkbox(label="Time every word (in JSON)", elem_id="words")
                formats = gr.CheckboxGroup(
                    [*FORMATS, (f"{VIDEO_COPY} with the track inside", VIDEO_COPY)],
                    value=["srt"], label="Files to download", elem_id="formats",
                )  # fmt: skip
        with gr.Row():
            start = gr.Button("Make subtitles", variant="primary", elem_id="start")
            stop = gr.Button("Stop", elem_id="stop")
        status = gr.Markdown("", elem_id="status")
        video = gr.Video(label="Video", visible="hidden", interactive=False, elem_id="player")
        sound = gr.Audio(label="Audio", visible="hidden", interactive=False, elem_id="sound")
        table = gr.Dataframe(
            headers=list(HEADERS), datatype="str", type="array", column_count=3, label="Cues: click to edit",
            wrap=True, interactive=True, elem_id="cues", column_widths=["20%", "20%", "60%"],
        )  # fmt: skip
        apply = gr.Button("Use the edited cues", elem_id="apply")
        files = gr.File(label="Subtitles", file_count="multiple", interactive=False, visible="hidden", elem_id="files")
        media = gr.State()

        outputs = [status, table, document, media, video, sound, files]
        chosen = [upload, recorded, address, model, task, language, words, formats]
        running = start.click(
            self._transcribe, chosen, outputs, concurrency_limit=self.config.users, show_progress="hidden"
        )
        self._stops(stop, SUBTITLES, running, status)
        apply.click(self._apply, [document, media, table, formats], [status, document, video, files])
        return model

    def _transcribe(
        self,
        upload: str | None,
        recorded: str | None,
        address: str,
        model: str,
        task: str,
        language: str,
        words: bool,
        formats: list[str],
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        tab = self.tabs.of(request.session_hash)
        stopped = tab.begin(SUBTITLES)
        nothing = gr.skip()
        yield "starting", [], None, None, gr.Video(visible="hidden"), gr.Audio(visible=False), None
        try:
            with chosen_media(upload, recorded, address, local=self.config.is_local) as path:
                tab.uploads |= {Path(one) for one in (upload, recorded) if one}
                known = None if language == DETECT else language
                document = None
                for state in make_subtitles(SubtitleRequest(path, model, task, known, words), self.models, stopped):
                    document = state.document
                    yield state.message, state.rows, document, str(path), nothing, nothing, nothing
                if document is None:
                    return
                folder = tab.new_folder()
                shown = self._player(path, document, folder)
                written = [str(one) for one in write_files(document, path, formats, folder)]
                yield state.message, state.rows, document, str(path), *shown, downloads(written)
        except OvwError as error:
            yield sentence(error, upload, recorded), nothing, nothing, nothing, nothing, nothing, nothing
        finally:
            stopped.set()

    def _player(self, path: Path, document: Document, folder: Path) -> tuple[Any, Any]:
        """The player for a video, or for what has only sound."""
        captions = str(track_file(document, folder)) if document.segments else None
        if has_picture(path):
            return gr.Video(value=str(path), subtitles=captions, visible=True), gr.Audio(visible="hidden")
        return gr.Video(visible="hidden"), gr.Audio(value=str(path), visible=True)

    def _apply(
        self,
        document: Document | None,
        media: str | None,
        rows: list[list[str]],
        formats: list[str],
        request: gr.Request,
    ) -> tuple[Any, ...]:
        nothing = gr.skip()
        if document is None or media is None:
            return "there are no cues to edit yet", nothing, nothing, nothing
        try:
            changed = edited(document, rows)
            folder = self.tabs.of(request.session_hash).new_folder()
            video, _ = self._player(Path(media), changed, folder)
            written = [str(one) for one in write_files(changed, Path(media), formats, folder)]
        except OvwError as error:
            return sentence(error, media), nothing, nothing, nothing
        return "the edited cues are in the files and on the video", changed, video, downloads(written)

    # --- convert

    def _convert(self) -> Any:
        with gr.Row():
            size = gr.Dropdown(list(sizes()), value=DEFAULT_SIZE, label="Size", elem_id="size")
            precision = gr.Dropdown(list(PRECISIONS), value=DEFAULT_PRECISION, label="Precision", elem_id="precision")
        with gr.Row():
            start = gr.Button("Convert", variant="primary", elem_id="convert")
            stop = gr.Button("Stop", elem_id="stop-convert")
        steps = gr.Markdown("", elem_id="convert-steps")
        figures = gr.Dataframe(headers=["figure", "value"], label="The artifact", interactive=False, elem_id="parity")
        running = start.click(self._make, [size, precision], [steps, figures], concurrency_limit=1)
        self._stops(stop, CONVERT, running, steps)
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
        self._stops(stop, MEASURE, running, steps)
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


def downloads(files: list[str]) -> gr.File:
    """The list of files, not there while it is empty."""
    return gr.File(value=files, visible=True) if files else gr.File(value=None, visible="hidden")


def model_choice(**more: Any) -> gr.Dropdown:
    """The installed artifacts, with the preferred one chosen."""
    names = [folder.name for folder in installed()]
    preferred = default_artifact()
    chosen = preferred.name if preferred else names[0] if names else None
    return gr.Dropdown(names, value=chosen, label="Model", **more)


def _installed() -> tuple[gr.Dropdown, gr.CheckboxGroup]:
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
