"""Tables of an evaluation's record, and its report as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from ovw.record import Record
from ovw.record_tables import Row, show, to_markdown
from ovw.scoring.counts import Step
from ovw.scoring.utterances import ScoredUtterance


def title(record: Record) -> str:
    """`base-int8 on librispeech test-other`."""
    return f"{record.artifact.name if record.artifact else ''} on {record.facts['dataset']['name']}"


def summary_rows(record: Record) -> list[Row]:
    """Every figure of a record."""
    return [{"metric": name, "value": show(metric)} for name, metric in record.metrics.items()]


def about_rows(record: Record) -> list[Row]:
    """Everything needed to repeat the run."""
    engine, dataset, normalizer = (record.facts[key] for key in ("engine", "dataset", "normalizer"))
    chosen, reference = record.config, record.facts.get("reference", {"name": "", "verdict": {}})
    rows = {
        "dataset": f"{dataset['name']}, {dataset['utterances']} clips, {dataset['origin']}",
        "fingerprint": dataset["fingerprint"],
        "normalizer": f"{normalizer['package']} {normalizer['version']}",
        "engine": ", ".join(f"{key} {value}" for key, value in engine.items()),
        "decoding": f"beam {chosen['beam_size']}, temperature {chosen['temperature']}, pad {chosen['pad']}",
        "machine": f"{record.environment.cpu}, {record.environment.usable_cores} cores",
        "problems": record.facts["problems"]["count"],
        **{f"{unit.upper()} vs {reference['name']}": verdict for unit, verdict in reference["verdict"].items()},
    }
    return [{"fact": key, "value": value} for key, value in rows.items()]


def breakdowns(record: Record) -> dict[str, list[Row]]:
    """The tables of rates by something: each has a column of its own name."""
    return {name: rows for name, rows in record.tables.items() if rows and name in rows[0]}


def confusion_rows(record: Record) -> list[Row]:
    """The most frequent errors."""
    return record.tables.get("confusions", [])


def markdown(record: Record, worst: Sequence[ScoredUtterance]) -> str:
    """The report as Markdown.

    Args:
        record: of one evaluation.
        worst: utterances to show with their errors.
    """
    parts = [f"# {title(record)}", to_markdown(summary_rows(record)), to_markdown(about_rows(record))]
    for name, rows in breakdowns(record).items():
        parts += [f"## By {name}", to_markdown(rows)]
    if confused := confusion_rows(record):
        parts += ["## Most frequent errors", to_markdown(confused)]
    if worst:
        parts.append("## Worst utterances\n\nEach as it is scored, then both texts as they are.")
    parts += [_worst(entry) for entry in worst]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def diff_markdown(steps: Sequence[Step]) -> str:
    """`the ~~cat~~ **hat** sat`."""
    parts = []
    for step in steps:
        if step.kind == "equal":
            parts.append(step.reference)
            continue
        parts += [f"~~{step.reference}~~"] if step.reference else []
        parts += [f"**{step.hypothesis}**"] if step.hypothesis else []
    return " ".join(parts)


def _worst(entry: ScoredUtterance) -> str:
    flags = f", {', '.join(entry.flags)}" if entry.flags else ""
    caption = f"{entry.hypothesis.id}: {entry.errors} errors in {entry.length}{flags}"
    other = f"\n\nreference system: {diff_markdown(entry.compared)}" if entry.compared is not None else ""
    raw = "".join(
        f"\n- {side}: {' '.join(text.split())}"
        for side, text in (("reference", entry.hypothesis.reference), ("hypothesis", entry.hypothesis.hypothesis))
    )
    return f"**{caption}**\n\n{diff_markdown(entry.steps)}{other}\n{raw}"
