"""Users of the page: each has a folder and a switch that stops its work; both end with its tab."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from ovw.api.whisper import Whisper
from ovw.ui.recording import MicrophoneRecording

MOST_MODELS = 2
"""Models that stay loaded."""


@dataclass
class Tab:
    """One open tab.

    Attributes:
        folder: for its files.
        uploads: files that its user sent; those of equal content share a folder, whatever they are called.
        running: switches that stop its work, by the kind of work.
        recording: the last one from its microphone.
    """

    folder: Path
    uploads: set[Path] = field(default_factory=set)
    running: dict[str, threading.Event] = field(default_factory=dict)
    recording: MicrophoneRecording | None = None

    def begin(self, work: str) -> threading.Event:
        """Stop work of this kind that runs for this tab; the switch of the work that begins now."""
        self.stop(work)
        return self.running.setdefault(work, threading.Event())

    def stop(self, work: str) -> None:
        """Stop work of this kind, if some runs."""
        if switch := self.running.pop(work, None):
            switch.set()

    def new_folder(self) -> Path:
        """An empty folder for the files of one transcription."""
        made = self.folder / uuid4().hex[:12]
        made.mkdir(parents=True)
        return made

    def download_folder(self) -> Path:
        """An empty folder for what comes from an address; what came from the one before is gone."""
        folder = self.folder / "download"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


class Tabs:
    """All open tabs.

    Args:
        root: folder of this server, gone with it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, Tab] = {}
        self._lock = threading.Lock()

    def of(self, key: str | None) -> Tab:
        """The session of a tab, made with its first request."""
        with self._lock:
            return self._open.setdefault(key or "", Tab(self._root / uuid4().hex))

    def close(self, key: str | None) -> None:
        """A tab was closed: its work stops, its files go."""
        with self._lock:
            session = self._open.pop(key or "", None)
            shared = {upload.parent for other in self._open.values() for upload in other.uploads}
        if session:
            for work in list(session.running):
                session.stop(work)
            if session.recording:
                session.recording.end()
            shutil.rmtree(session.folder, ignore_errors=True)
            for folder in {upload.parent for upload in session.uploads} - shared:
                shutil.rmtree(folder, ignore_errors=True)

    def close_all(self) -> None:
        """The server ends."""
        for key in list(self._open):
            self.close(key)


class LoadedModels:
    """Loaded models, shared by all tabs; the one that was not used for longest makes room.

    Args:
        load: loads a model by its name.
    """

    def __init__(self, load: Callable[[str], Whisper]) -> None:
        self._load = load
        self._loaded: dict[str, Whisper] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Whisper:
        """A loaded model.

        Raises:
            OvwError: it is not there, or cannot be loaded.
        """
        with self._lock:
            model = self._loaded.pop(name, None) or self._load(name)
            self._loaded[name] = model
            while len(self._loaded) > MOST_MODELS:
                self._loaded.pop(next(iter(self._loaded)))
            return model
