"""Batches, beams and arithmetic under several instruction sets, each in a process of its own.

`OV_CPU_MAX_ISA` makes OpenVINO's CPU plugin use less than the CPU has; an explicit bf16 is emulated where it is missing.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ovw.convert.plan import Converted
from ovw.runtime.device import instruction_sets

SCRIPT = Path(__file__).parents[1] / "support" / "under_isa.py"
LIMITS = ("AVX2", "AVX2_VNNI", "AVX512_CORE_VNNI", "")
"""The second one is that of most laptops and desktops since 2021, the last one is what the CPU has."""


def run_under(limit: str, folder: Path, home: Path) -> dict:
    environment = {**os.environ, "OVW_HOME": str(home), "OV_CPU_MAX_ISA": limit}
    done = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("model", ["tiny", pytest.param("base", marks=pytest.mark.slow)])
def test_batches_and_beams(limit: str, model: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    made: Converted = request.getfixturevalue(model)
    found = run_under(limit, made.folder, tmp_path)
    assert found["faults"] == []
    assert found["rows"] <= 1e-4 or found["precision"] == "bf16"
    if limit:
        assert "BF16" not in found["capabilities"]
        assert found["precision"] == "f32"
    # OpenVINO emulates bf16 with AVX512 and fails without: then f32 takes its place
    emulates = not limit.startswith("AVX2") and "avx512" in instruction_sets()
    assert found["bf16_precision"] == ("bf16" if emulates else "f32")
