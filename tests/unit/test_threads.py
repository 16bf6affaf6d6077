"""One model, many threads: the texts of one caller alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.tiny_whisper import SELFTEST_CLIP

from ovw import Whisper
from ovw.audio.decode import load_audio
from ovw.convert.plan import Converted
from ovw.runtime.device import DeviceOptions

THREADS = 8
OPTIONS = {"max_new_tokens": 6, "temperature": 0.0, "vad": False, "beam_size": 1}
WAYS = [
    pytest.param({}, id="detected"),
    pytest.param({"language": "en", "word_timestamps": True}, id="words"),
    pytest.param({"batch_size": 4, "vad": True}, id="batched"),
]


@pytest.fixture(scope="module")
def whisper(tiny: Converted) -> Whisper:
    return Whisper(tiny.folder, device=DeviceOptions(precision="f32", threads=1))


def clips() -> list[np.ndarray]:
    """Eight different ones, so that a mix-up shows."""
    speech = load_audio(SELFTEST_CLIP)
    return [np.roll(speech, 4000 * i)[: 20_000 + 3000 * i] for i in range(THREADS)]


def said(whisper: Whisper, clip: np.ndarray, options: dict) -> tuple:
    result = whisper.transcribe(clip, **OPTIONS | options)
    return result.language, [(s.start, s.end, s.tokens, s.words, s.avg_logprob) for s in result]


@pytest.mark.parametrize("options", WAYS)
def test_threads_share_a_model(whisper: Whisper, options: dict):
    alone = [said(whisper, clip, options) for clip in clips()]
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(lambda clip: said(whisper, clip, options), clips()))
    assert together == alone
    assert len({str(result) for result in alone}) > 1


def test_threads_share_an_exact_model(tiny: Converted):
    whisper, few = Whisper(tiny.folder, exact=True), clips()[:4]
    alone = [said(whisper, clip, {"language": "en"}) for clip in few]
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(lambda clip: said(whisper, clip, {"language": "en"}), few)) == alone


def test_tasks_share_a_model(whisper: Whisper):
    alone = [said(whisper, clip, {}) for clip in clips()[:2]]

    async def ask() -> list[tuple]:
        return await asyncio.gather(*(asyncio.to_thread(said, whisper, clip, {}) for clip in clips()[:2]))

    assert asyncio.run(ask()) == alone


FORKED = """
import os, sys
import numpy as np
from ovw import Whisper
from ovw.errors import OvwError

folder, samples = sys.argv[1], np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
options = {"language": "en", "max_new_tokens": 4, "temperature": 0.0, "vad": False, "beam_size": 1}
whisper = Whisper(folder)
finished, begun = whisper.transcribe(samples, **options), whisper.transcribe(samples, **options)
text = finished.text
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert finished.text == text
for work in (
    lambda: Whisper(folder), lambda: whisper.transcribe(samples, **options), lambda: whisper.transcribe_many([samples]),
    lambda: whisper.detect_language(samples), lambda: whisper.align(samples, "a text"), lambda: begun.text,
):
    try:
        work()
    except OvwError as error:
        print(error, flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_of_a_process_that_transcribes_is_refused(tiny: Converted):
    """It would wait for OpenVINO's threads for ever. What was finished before is there."""
    done = subprocess.run([sys.executable, "-c", FORKED, tiny.folder], capture_output=True, text=True, timeout=120)
    expected = "this process was forked after OpenVINO had started (use multiprocessing's spawn)"
    assert done.stdout.splitlines() == [expected] * 6, done.stderr


READ_BEFORE = """
import os, sys
import numpy as np
from ovw import Whisper
from ovw.runtime.device import core, devices

folder, samples = sys.argv[1], np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
devices(), core().read_model(f"{folder}/openvino_encoder_model.xml")
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert Whisper(folder).transcribe(samples, language="en", max_new_tokens=4, temperature=0.0).text is not None
print("done", flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_of_a_process_that_compiled_nothing_transcribes(tiny: Converted):
    done = subprocess.run([sys.executable, "-c", READ_BEFORE, tiny.folder], capture_output=True, text=True, timeout=120)
    assert done.stdout == "done\n", done.stderr
