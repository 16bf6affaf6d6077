"""The artifact, untouched, in optimum-intel's OVModelForSpeechSeq2Seq, in an environment of its own."""

import os
import subprocess
from pathlib import Path

import pytest
from support.tiny_whisper import DEMO_VIDEO

from ovw import Whisper
from ovw.convert.plan import Converted

pytestmark = [pytest.mark.consumer, pytest.mark.slow, pytest.mark.weights]

SCRIPT = """
import sys
import numpy as np
from optimum.intel import OVModelForSpeechSeq2Seq
from transformers import AutoProcessor
folder, samples = sys.argv[1], np.load(sys.argv[2])
model = OVModelForSpeechSeq2Seq.from_pretrained(folder, ov_config={"INFERENCE_PRECISION_HINT": "f32"})
processor = AutoProcessor.from_pretrained(folder)
features = processor(samples, sampling_rate=16000, return_tensors="pt").input_features
for beams in (1, 3):
    ids = model.generate(features, return_timestamps=True, language="en", task="transcribe", num_beams=beams)
    print(processor.batch_decode(ids, skip_special_tokens=True)[0])
"""


def test_same_words(base: Converted, tmp_path: Path) -> None:
    import numpy as np

    from ovw.audio.decode import load_audio

    python = os.environ.get("OVW_OPTIMUM_PYTHON")
    assert python, "make test-slow builds the environment and names it"
    np.save(tmp_path / "samples.npy", load_audio(DEMO_VIDEO))
    command = [python, "-c", SCRIPT, str(base.folder), str(tmp_path / "samples.npy")]
    greedy, beams = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    ours = Whisper(base.folder, exact=True).transcribe(
        DEMO_VIDEO, pad="audio", beam_size=1, temperature=(0.0,), language="en"
    )
    assert greedy == "".join(s.text for s in ours)
    assert "Hello and welcome" in beams
