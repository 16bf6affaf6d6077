"""All that `--exact` switches stands in one object."""

import numpy as np
import pytest

from ovw import Whisper
from ovw.cli.values import check_exact
from ovw.convert.plan import Converted
from ovw.errors import UsageError
from ovw.runtime.device import DeviceOptions
from ovw.scale.config import RunConfig
from ovw.transcribe.exact import AS_LICENSED, EXACTLY, run_policy
from ovw.transcribe.options import TranscribeOptions


def test_exactly() -> None:
    assert run_policy(exact=True) is EXACTLY
    device = DeviceOptions(precision="bf16", threads=3)
    assert EXACTLY.device(device) == DeviceOptions(precision="f32", threads=3)
    options = EXACTLY.decoding(TranscribeOptions(batch_size=8, beam_size=3))
    assert (options.vad, options.batch_size, options.audio_context, options.beam_size) == (False, 1, "full", 3)
    assert RunConfig(exact=True, inference_precision="bf16").running().precision == "f32"
    EXACTLY.check(RunConfig(exact=True, batch_size=8, audio_context="auto").decoding())


def test_without_it_nothing_changes() -> None:
    assert run_policy(exact=False) is AS_LICENSED
    device, options = DeviceOptions(precision="bf16"), TranscribeOptions(batch_size=8)
    assert AS_LICENSED.device(device) == device
    assert AS_LICENSED.decoding(options) == options
    assert RunConfig(inference_precision="bf16").running().precision == "bf16"


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({"vad": True}, "--no-vad"),
        ({"batch_size": 2}, "--batch-size 1"),
        ({"audio_context": "auto"}, "--audio-context full"),
        ({"inference_precision": "bf16"}, "--inference-precision f32"),
    ],
)
def test_flags_that_contradict_it(flags: dict, wanted: str) -> None:
    with pytest.raises(UsageError, match=f"--exact goes with {wanted} only"):
        check_exact({"exact": True, **flags})
    check_exact({"exact": False, **flags})
    check_exact(flags)
    check_exact({"exact": True, "batch_size": 0})


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"vad": True}, "vad=False"),
        ({"batch_size": 8}, "batch_size=1"),
        ({"audio_context": "auto"}, "audio_context='full'"),
    ],
)
def test_options_that_contradict_it(tiny: Converted, options: dict, wanted: str) -> None:
    whisper, samples = Whisper(tiny.folder, exact=True), np.zeros(16_000, np.float32)
    with pytest.raises(UsageError, match=f"exact=True goes with {wanted} only"):
        whisper.transcribe(samples, **options)
    found = whisper.transcribe(samples, TranscribeOptions(**EXACTLY.options), language="en", max_new_tokens=2)
    assert whisper.transcribe(samples, found.options).options == found.options


def test_options_that_were_stored(tiny: Converted) -> None:
    """Defaults are all that `vad=True` and `audio_context="auto"` may be in an object; other values were chosen."""
    whisper, samples = Whisper(tiny.folder, exact=True), np.zeros(16_000, np.float32)
    stored = TranscribeOptions(language="en", max_new_tokens=2).model_dump()
    for given in ({}, {"batch_size": 0}):
        found = whisper.transcribe(samples, TranscribeOptions(**stored), **given).options
        assert (found.vad, found.batch_size, found.audio_context) == (False, 1, "full")
    with pytest.raises(UsageError, match="exact=True goes with batch_size=1 only"):
        whisper.transcribe(samples, TranscribeOptions(**stored | {"batch_size": 8}))
    with pytest.raises(UsageError, match="exact=True goes with vad=False only"):
        whisper.transcribe(samples, TranscribeOptions(**stored), vad=True)


def test_arithmetic_that_contradicts_it(tiny: Converted) -> None:
    with pytest.raises(UsageError, match="exact=True goes with precision='f32' only"):
        Whisper(tiny.folder, exact=True, device=DeviceOptions(precision="bf16"))
