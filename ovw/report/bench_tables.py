"""Tables of a benchmark's record, and its report as Markdown."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from ovw.record import ROOFS, Case, Metric, Record, has_failed, is_skipped
from ovw.record_tables import Row, number, show, to_markdown

COLUMNS = {
    "encoder": "encoder", "prefill": "prefill", "token_0": "token",
    "runner_encoder": "runner's encoder", "runner_token_0": "runner's token", "rtf": "RTF",
    "offline_rtf": "RTF at once", "latency": "p50", "latency_p95": "p95", "peak_rss": "peak RSS", "wer": "WER",
    "cer": "CER",
}  # fmt: skip
"""Columns of the overview, by metric."""
TITLES = {
    "load": "load", "compile": "compile", "first_inference": "first inference", "mel": "mel", "encoder": "encoder",
    "runner_encoder": "runner's encoder", "runner_prefill": "runner's prefill",
    "throughput": "throughput", "prefill": "prefill", "detokenize": "detokenize", "open": "open the pipeline",
    "latency": "pipeline", "rtf": "RTF", "offline_rtf": "RTF, all at once", "peak_rss": "peak RSS", "rss": "RSS",
    "weights": "weights on disk", "weights_share": "weights of the peak", "wer": "WER", "cer": "CER",
}  # fmt: skip
THROTTLED = 0.05
"""Share of the time that a quota may hold a measurement back without a remark."""
TOP = 10
"""Layers shown."""


def overview_rows(record: Record) -> list[Row]:
    """One row a case: name, main figures, remarks."""
    shown = [name for name in COLUMNS if any(_figure(case, name) for case in record.cases)]
    return [
        {
            "case": case.name,
            "engine": case.config["engine"],
            "precision": precision_of(case),
            "beam": case.config["beam_size"],
            **{COLUMNS[name]: _shown(_figure(case, name)) for name in shown},
            "note": note_of(case),
        }
        for case in record.cases
    ]


def detail_rows(case: Case) -> list[Row]:
    """One row a metric, with percentiles, the interval over the rounds and the share of the roof."""
    rows = []
    for name, metric in case.metrics.items():
        if name.endswith(ROOFS):
            continue
        levels = metric.percentiles or {}
        roof = case.metrics.get(name + ROOFS)
        rows.append(
            {
                "stage": _title(name),
                "p50": _shown(Metric(value=metric.value, unit=metric.unit)),
                **{level: number(levels[level]) if level in levels else "" for level in ("p90", "p95", "p99")},
                "95 % interval": "..".join(map(number, metric.ci95)) if metric.ci95 else "",
                "of the roof": f"{roof.value:.0f} %" if roof else "",
                "n": len(metric.samples) if metric.samples else "",
            }
        )
    return rows


def layer_type_rows(record: Record, case: str, stage: str) -> list[Row]:
    """Where the time of a graph goes, by kind of layer and kernel, the most first."""
    rows = [row for row in record.tables.get("layers", []) if (row["case"], row["stage"]) == (case, stage)]
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["type"], row["kernel"]].append(row)
    merged = [
        {
            "type": kind,
            "kernel": kernel,
            "layers": len(members),
            "ms": round(sum(row["ms"] for row in members), 3),
            "percent": round(sum(row["percent"] for row in members), 1),
        }
        for (kind, kernel), members in groups.items()
    ]
    return sorted(merged, key=lambda row: -row["ms"])[:TOP]


def note_of(case: Case) -> str:
    """Remarks on a case: its end, disturbances, settings that it did not get."""
    facts = case.facts
    notes = [_status(case)] if has_failed(case) or is_skipped(case) else []
    if facts.get("noisy"):
        notes.append(f"noisy: others took {number(max(facts['others']))} cores")
    if facts.get("slowed"):
        notes.append(f"slowed: the machine ran at {number(facts['slowed'])} of its pace")
    if (held := median(facts.get("throttled") or [0.0])) > THROTTLED:
        notes.append(f"throttled: the container's quota held it back {held:.0%} of the time")
    for axis in ("streams", "threads"):
        asked, found = case.config.get(axis), facts.get(f"encoder_{axis}")
        if asked and found and asked != found:
            notes.append(f"{axis}: OpenVINO uses {found}, not {asked}")
    if facts.get("texts_differ"):
        notes.append("texts differ from round to round")
    return "; ".join(notes)


def problem_lines(record: Record) -> list[str]:
    """Cases that came to nothing, cases and stages that were left out, and why."""
    bad = [case for case in record.cases if has_failed(case) or is_skipped(case)]
    lines = [f"{case.name}: {_status(case)}: {case.facts['reason']}" for case in bad]
    lines += [f"left out: {name}: {reason}" for name, reason in record.facts.get("left_out", {}).items()]
    for case in record.cases:
        if has_failed(case) or is_skipped(case):
            continue
        stages: dict[str, list[str]] = defaultdict(list)
        for stage, reason in case.facts.get("left_out", {}).items():
            stages[reason].append(_title(stage))
        lines += [f"left out: {case.name}, {', '.join(names)}: {reason}" for reason, names in stages.items()]
    return lines


def precision_of(case: Case) -> str:
    """Of the weights and of the arithmetic, such as `int8 bf16`."""
    stored = case.artifact.precision if case.artifact else case.config.get("precision")
    really = case.facts.get("inference_precision") or case.facts.get("encoder_precision")
    return " ".join(dict.fromkeys(str(part) for part in (stored, really) if part))


def machine_lines(record: Record) -> list[str]:
    """The machine, and what it can do."""
    machine = record.environment
    load = f", load {machine.load_average[0]:.1f}" if machine.load_average else ""
    lines = [f"{machine.cpu}, {machine.usable_cores} cores{load}; {', '.join(machine.isa)}"]
    for key, peaks in record.facts.get("peaks", {}).items():
        rates = ", ".join(f"{name} {rate:.0f}" for name, rate in peaks["gflops"].items())
        read = ", ".join(f"{rate:.0f} in {size} MB" for size, rate in peaks["gbps"])
        lines.append(f"peaks of {key}: {rates} GFLOPS; reading {read} GB/s")
    return lines


def markdown(record: Record) -> str:
    """The record for people."""
    parts = ["# ovw bench", *machine_lines(record), to_markdown(overview_rows(record))]
    for case in record.cases:
        if case.metrics:
            parts += [f"## {case.name}", to_markdown(detail_rows(case))]
    if roofs := record.tables.get("roofline"):
        parts += ["## Roofline", to_markdown(roofs)]
    if layers := record.tables.get("layers"):
        parts += ["## Layers", to_markdown(layers)]
    if problems := problem_lines(record):
        parts += ["## Problems", *(f"- {line}" for line in problems)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _title(stage: str) -> str:
    return TITLES.get(stage) or stage.replace("runner_", "runner's ").replace("token_", "token at cache ")


def _status(case: Case) -> str:
    return "not installed" if is_skipped(case) else str(case.facts["status"])


def _figure(case: Case, name: str) -> Metric | None:
    if name == "latency_p95":
        latency = case.metrics.get("latency")
        found = latency.percentiles["p95"] if latency and latency.percentiles else None
        return Metric(value=found, unit="ms") if found is not None else None
    metric = case.metrics.get(name)
    return Metric(value=metric.value, unit=metric.unit) if metric else None


def _shown(metric: Metric | None) -> str:
    return show(metric) if metric else ""
