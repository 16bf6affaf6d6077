"""Check an artifact in the instruction sets that this process was limited to: `python under_isa.py FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ovw import Whisper
from ovw.artifact.manifest import read_manifest
from ovw.convert.arithmetic import measure_batches
from ovw.runtime.device import DeviceOptions, capabilities
from ovw.transcribe.checks import guard, texts
from ovw.transcribe.exact import AS_LICENSED


def main(folder: Path) -> None:
    """Print what was found as JSON: capabilities, arithmetic, and everything that is not as it was proved."""
    manifest = read_manifest(folder)
    reference = guard.reference_of(folder, manifest)
    candidates = guard.execution_modes(folder, manifest, DeviceOptions(), AS_LICENSED)
    faults = [f"{mode.name}: {fault}" for mode in candidates if (fault := guard.find_fault(mode, reference, manifest))]
    rows = measure_batches(folder, manifest.layout, manifest.shapes, manifest.dimensions()).rows
    assert rows is not None
    found = {
        "capabilities": capabilities(),
        "precision": Whisper(folder).precision,
        "bf16_precision": Whisper(folder, device=DeviceOptions(precision="bf16")).precision,
        "faults": faults + list(texts.find_mode_problems(folder, manifest)),
        "rows": rows.in_default,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
