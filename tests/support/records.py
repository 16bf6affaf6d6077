"""Records made by hand."""

from __future__ import annotations

from typing import Any

from ovw.artifact.manifest import Source
from ovw.record import Artifact, Case, Metric, Record, new_record

SOURCE = Source(kind="random", reference="x", tensors_sha256="0")


def artifact(name: str = "base-int8") -> Artifact:
    return Artifact(
        name=name, model="base", layout="genai", precision="int8", source=SOURCE, manifest_sha256=name, size_mb=80
    )


def times(value: float, unit: str = "ms", samples: int = 6) -> Metric:
    values = tuple(value * (1 + 0.01 * n) for n in range(samples))
    return Metric(
        value=value, unit=unit, ci95=(value * 0.95, value * 1.08), samples=values, rounds=(samples,),
        percentiles={"p50": value, "p90": value * 1.05, "p95": value * 1.1},
    )  # fmt: skip


def bench_case(name: str, text: str = "t", request: str = "r", scale: float = 1.0, **config: Any) -> Case:
    figures = {"load": 30.0, "compile": 400.0, "first_inference": 90.0, "mel": 4.0, "encoder": 100.0, "prefill": 17.0}
    figures |= {"token_0": 3.0, "token_100": 3.3, "latency": 250.0}
    metrics = {metric: times(scale * value) for metric, value in figures.items()}
    rss = Metric(value=300, unit="MB", samples=tuple(100.0 + n for n in range(900)))
    metrics |= {"rtf": times(0.02 * scale, "1"), "rss": rss, "peak_rss": Metric(value=999, unit="MB")}
    axes = {"engine": "openvino", "device": "CPU", "threads": 0, "batch": 1, "beam_size": 1, "frames": 3000} | config
    facts = {"status": "done", "text_sha256": text, "request_sha256": request}
    return Case(name=name, config=axes, artifact=artifact(), facts=facts, metrics=metrics)


def bench_record(*cases: Case, created: str = "2026-01-01T00:00:00+00:00", **parts: Any) -> Record:
    peaks = {"CPU": {"gflops": {"f32": 150.0, "int8": 600.0}, "gbps": [[4, 60.0], [256, 12.0]]}}
    roofs = [
        {"case": case.name, "stage": stage, "gflop": 40.0, "megabytes": 80.0, "ms": 100.0, "gflops": 400.0, "gbps": 0.8,
         "bound": "compute", "percent": 66.0}
        for case in cases
        for stage in ("encoder", "token_0")
    ]  # fmt: skip
    clips = {"name": "speech", "clips": 2, "fingerprint": "f"}
    made = new_record(
        "bench", {"decoding": {}}, cases=cases, facts={"peaks": peaks, "clips": clips}, tables={"roofline": roofs}
    )
    return made.model_copy(update={"created": created, **parts})


def eval_record(name: str = "base-int8", fingerprint: str = "f", wer: float = 6.0, **config: Any) -> Record:
    facts = {
        "dataset": {"name": "speech", "utterances": 2, "fingerprint": fingerprint, "origin": "here"},
        "engine": {"engine": "openvino", "inference_precision": "bf16"},
        "normalizer": {"package": "p", "version": "1"},
        "problems": {"count": 0, "listed": []},
    }
    rows = [
        {
            "length": f"up to {n} s",
            "metric": "wer",
            "value": wer + n,
            "ci95_low": 1.0,
            "ci95_high": 9.0,
            "utterances": 1,
        }
        for n in (5, 10)
    ]
    asked = {"task": "transcribe", "language": None, "beam_size": 1, "temperature": [0.0], "pad": "auto"} | config
    metrics = {"wer": Metric(value=wer, unit="%", ci95=(wer - 1, wer + 1)), "speed": Metric(value=50, unit="x")}
    return new_record("eval", asked, artifact=artifact(name), facts=facts, metrics=metrics, tables={"length": rows})
