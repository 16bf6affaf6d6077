"""Compiled graphs on disk: the second start neither makes a graph nor compiles it."""

from __future__ import annotations

import hashlib
import mmap
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import openvino as ov

from ovw.artifact import foreign, ir_names, masks, names, port_names
from ovw.errors import OvwError
from ovw.files import sweep_halves, write_whole
from ovw.home import compiled_dir
from ovw.runtime import device, fast, graph_walk, saturation, weight_scales, with_past
from ovw.runtime.device import DeviceOptions, compile_model, compiling_core, hardware, instruction_sets

LARGEST = 2**30
"""Bytes of an artifact's weights above which nothing is kept: OpenVINO needs several times the size to write it."""
UNUSED_DAYS = 30
"""After which a kept graph goes."""
ELSEWHERE = (foreign, ir_names, masks, port_names, device, graph_walk, saturation, weight_scales, with_past)
"""Modules that graphs are made and compiled by too."""
DIGEST = hashlib.sha256().digest_size
"""Bytes at the end of a kept file: the SHA-256 of its name and of the graph before them."""


@dataclass
class CompiledGraph:
    """A compiled graph, and the file it was read from."""

    compiled: ov.CompiledModel
    file: mmap.mmap | None = None

    def settle(self) -> None:
        """Give the file's pages back: an inference packs most weights into memory of its own; the others come again."""
        if self.file and hasattr(mmap, "MADV_DONTNEED"):
            self.file.madvise(mmap.MADV_DONTNEED)


def load_or_compile(
    artifact: Path, part: str, make: Callable[[], ov.Model], options: DeviceOptions, *, cached: bool = True
) -> CompiledGraph:
    """A compiled graph, from disk where the same one was compiled before; else it is kept there for the next time.

    Args:
        artifact: folder of the genai layout that the graph is made from.
        part: which of its graphs.
        make: makes the graph.
        options: device, precision and threads.
        cached: whether the disk has a part in it.
    """
    if not cached:
        return CompiledGraph(compile_model(make(), options))
    sweep_halves(compiled_dir())
    kept = compiled_dir() / f"{fingerprint(artifact, part, options)}.blob"
    if found := _load(kept, options):
        return found
    compiled = compile_model(make(), options)
    if sum(file.stat().st_size for file in artifact.glob("*.bin")) <= LARGEST:
        _keep(compiled, kept)
    return CompiledGraph(compiled)


def fingerprint(artifact: Path, part: str, options: DeviceOptions, code: bytes = b"") -> str:
    """A hash of everything that a compiled graph depends on, this code among it.

    Args:
        artifact: folder that the graph is made from.
        part: which of its graphs.
        options: device, precision and threads.
        code: digest of the modules that what is kept depends on too.
    """
    machine = (*hardware(options), instruction_sets())
    graphs = sorted(path for path in artifact.iterdir() if path.suffix in (".xml", ".bin"))
    files = [(path.name, found.st_size, found.st_mtime_ns) for path, found in ((p, p.stat()) for p in graphs)]
    known = hashlib.sha256(repr((part, ov.__version__, machine, options.properties(), files)).encode())
    known.update(code_digest(fast, *ELSEWHERE) + code)
    for description in (names.MANIFEST, names.CONFIG):  # one is there: folders of other programs have no manifest
        if (artifact / description).is_file():
            known.update((artifact / description).read_bytes())
    return known.hexdigest()


@cache
def code_digest(*modules: ModuleType) -> bytes:
    """A digest of the source of modules; a package stands for all that are in its folder."""
    digest = hashlib.sha256()
    for module in modules:
        own = Path(str(module.__file__))
        for source in sorted(own.parent.glob("*.py")) if hasattr(module, "__path__") else [own]:
            digest.update(source.read_bytes())
    return digest.digest()


def _load(kept: Path, options: DeviceOptions) -> CompiledGraph | None:
    try:
        with kept.open("rb") as opened:
            file = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
        if not _is_whole(kept, file):
            return None
        shared = ov.Tensor(np.frombuffer(file, np.uint8, len(file) - DIGEST), shared_memory=True)
        compiled = compiling_core().import_model(shared, options.device, options.properties())
    except (OSError, ValueError, RuntimeError):  # not there, empty or damaged
        return None
    # holds the memory, which the graph reads as long as it lives; not given back at exit, where a thread may still run
    weakref.finalize(compiled, id, file).atexit = False
    with suppress(OSError):
        kept.touch()
    return CompiledGraph(compiled, file)


def _keep(compiled: ov.CompiledModel, kept: Path) -> None:
    """Write a compiled graph where it can be; those that were not used for long go."""
    with suppress(OSError, OvwError, RuntimeError, MemoryError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        graph = compiled.export_model().getvalue()
        write_whole(kept, graph + _digest(kept, memoryview(graph)))
        for other in kept.parent.glob("*.blob"):
            if time.time() - other.stat().st_mtime > UNUSED_DAYS * 86400:
                other.unlink(missing_ok=True)


def _digest(kept: Path, graph: memoryview) -> bytes:
    """Of a graph under its name, which holds all that it was made of: a graph in another's place is damage too."""
    known = hashlib.sha256(kept.name.encode())
    known.update(graph)
    return known.digest()


def _is_whole(kept: Path, file: mmap.mmap) -> bool:
    with memoryview(file) as content, content[:-DIGEST] as graph:
        return _digest(kept, graph) == bytes(content[-DIGEST:])


def sweep_damaged() -> list[Path]:
    """Remove the kept graphs that are damaged, or of an earlier ovw; they are made anew when they are needed.

    Returns:
        Those that were removed.
    """
    damaged = []
    for kept in sorted(compiled_dir().glob("*.blob")):
        with suppress(OSError, ValueError), kept.open("rb") as opened:
            file = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
            if _is_whole(kept, file):
                continue
        with suppress(OSError):
            kept.unlink()
            damaged.append(kept)
    return damaged
