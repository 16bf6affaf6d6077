"""The first tab: subtitles for a file, an address or a recording."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ovw.errors import OvwError
from ovw.models import languages
from ovw.subtitles import FORMATS
from ovw.subtitles.document import Document
from ovw.ui.config import UiConfig
from ovw.ui.cues import HEADERS, edited
from ovw.ui.media import chosen_media, has_picture
from ovw.ui.parts import downloads, model_choice, sentence, stops
from ovw.ui.recording import MicrophoneRecording
from ovw.ui.tabs import LoadedModels, Tabs
from ovw.ui.transcription import (
    VIDEO_COPY,
    SubtitleRequest,
    check_copy,
    live_subtitles,
    make_subtitles,
    track_file,
    write_files,
)

SUBTITLES = "subtitles"
"""The kind of work; a tab does one of each at a time."""
DETECT = "detect"
TASKS = [("same language", "transcribe"), ("translate to English", "translate")]
PART_S = 0.25
"""Seconds of a recording that a browser sends at a time; it loses the last part when it stops."""
OTHERS = 6
"""Outputs of a recording beside the status and the cues."""
MB = 1e6
PLAYER_HEIGHT = 400


class SubtitlesTab:
    """The parts of the tab that its callbacks share.

    Args:
        config: of the server.
        tabs: the open ones.
        models: loaded ones.
    """

    def __init__(self, config: UiConfig, tabs: Tabs, models: LoadedModels) -> None:
        self.config = config
        self.tabs = tabs
        self.models = models

    def build(self) -> gr.Dropdown:
        """The tab, within a tab of the page; its choice of a model."""
        document = gr.State()
        with gr.Row():
            with gr.Column():
                upload = gr.File(label="Video or audio file", type="filepath", height=150, elem_id="upload")
                microphone = gr.Audio(
                    label="Recording", sources=["microphone"], type="filepath", streaming=True, elem_id="recorded"
                )
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
            start = gr.Button("Make subtitles", variant="primary", scale=4, elem_id="start")
            stop = gr.Button("Stop", scale=1, elem_id="stop")
        status = gr.Markdown("", elem_id="status")
        video = gr.Video(label="Video", visible="hidden", interactive=False, height=PLAYER_HEIGHT, elem_id="player")
        sound = gr.Audio(label="Audio", visible="hidden", interactive=False, buttons=["download"], elem_id="sound")
        table = gr.Dataframe(
            headers=list(HEADERS), datatype="str", type="array", column_count=3, label="Cues: click to edit",
            wrap=True, interactive=True, elem_id="cues", column_widths=["20%", "20%", "60%"],
        )  # fmt: skip
        apply = gr.Button("Use the edited cues", elem_id="apply")
        files = gr.File(label="Subtitles", file_count="multiple", interactive=False, visible="hidden", elem_id="files")
        media = gr.State()

        outputs = [status, table, document, media, video, sound, files]
        how = [model, task, language, words, formats]
        queued: dict[str, Any] = {"concurrency_limit": self.config.users, "concurrency_id": SUBTITLES}
        running = start.click(self._transcribe, [upload, address, *how], outputs, show_progress="hidden", **queued)
        listening = microphone.start_recording(self._begin, queue=False).then(
            self._listen, how, [*outputs, upload], show_progress="hidden", **queued
        )
        microphone.stream(self._take, microphone, stream_every=PART_S, show_progress="hidden", concurrency_limit=None)
        microphone.stop_recording(self._end, queue=False)
        upload.upload(self._note_upload, upload, queue=False)
        stops(stop, self.tabs, SUBTITLES, [running, listening], status)
        apply.click(self._apply, [document, media, table, formats], [status, document, video, files])
        return model

    def _note_upload(self, upload: str | None, request: gr.Request) -> None:
        """A file stays while this tab is open, also where another tab has sent an equal one and closes."""
        if upload:
            self.tabs.of(request.session_hash).uploads.add(Path(upload))

    def _transcribe(
        self,
        upload: str | None,
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
        self._note_upload(upload, request)
        path = None
        try:
            path = chosen_media(upload, address, tab.download_folder(), local=self.config.is_local)
            check_copy(path, formats)
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
            yield sentence(error, upload, path), nothing, nothing, nothing, nothing, nothing, nothing
        finally:
            stopped.set()

    # --- a recording

    def _begin(self, request: gr.Request) -> None:
        tab = self.tabs.of(request.session_hash)
        file = tab.new_folder() / "recording.wav"
        tab.recording = MicrophoneRecording(file, self.config.upload_limit * MB, tab.begin(SUBTITLES))

    def _take(self, part: str | None, request: gr.Request) -> None:
        recording = self.tabs.of(request.session_hash).recording
        if part and recording:
            recording.add(Path(part))

    def _end(self, request: gr.Request) -> None:
        recording = self.tabs.of(request.session_hash).recording
        if recording:
            time.sleep(2 * PART_S)  # its last part may be on its way
            recording.end()

    def _listen(
        self, model: str, task: str, language: str, words: bool, formats: list[str], request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """Cues of a recording while it goes on, each as soon as a pause follows it; then those of its file."""
        recording = self.tabs.of(request.session_hash).recording
        if recording is None:
            return
        wanted = SubtitleRequest(recording.file, model, task, None if language == DETECT else language)
        nothing = (gr.skip(),) * OTHERS
        yield f"loading {model}", [], *nothing
        try:
            for state in live_subtitles(wanted, recording, self.models):
                yield state.message, state.rows, *nothing
        except OvwError as error:
            yield sentence(error), gr.skip(), *nothing
            return
        finally:
            recording.end()
        if recording.stopped.is_set():
            return
        chosen: Any = gr.File(value=str(recording.file))
        for shown in self._transcribe(str(recording.file), "", model, task, language, words, formats, request):
            yield *shown, chosen
            chosen = gr.skip()

    # --- what is shown

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
