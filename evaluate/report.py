"""`report.md` and `report.html`: the figures, and the worst utterances with their errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ovw.evaluate.score import Bad
from ovw.files import write_whole
from ovw.record import Record
from ovw.record_tables import Row, number, show, to_markdown
from ovw.scoring.counts import Step

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; } th, td { padding: .2em .8em; border-bottom: 1px solid #8884; }
th { text-align: left; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
del { background: #f8514933; text-decoration: line-through; } ins { background: #2ea04333; text-decoration: none; }
small { opacity: .7; } figure { margin: 1em 0; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } }
"""


def write_reports(record: Record, bad: Sequence[Bad], folder: Path) -> None:
    """Write both, made from the record and the worst utterances."""
    write_whole(folder / "report.md", markdown(record, bad))
    write_whole(folder / "report.html", html(record, bad))


def title(record: Record) -> str:
    """`base-int8 on librispeech test-other`."""
    return f"{record.artifact.name if record.artifact else ''} on {record.facts['dataset']['name']}"


def summary_rows(record: Record) -> list[Row]:
    """Every figure of a record."""
    return [{"metric": name, "value": show(metric)} for name, metric in record.metrics.items()]


def about_rows(record: Record) -> list[Row]:
    """Everything needed to repeat the run."""
    engine, dataset, normalizer = (record.facts[key] for key in ("engine", "dataset", "normalizer"))
    chosen = record.config
    rows = {
        "dataset": f"{dataset['name']}, {dataset['utterances']} clips, {dataset['origin']}",
        "fingerprint": dataset["fingerprint"],
        "normalizer": f"{normalizer['package']} {normalizer['version']}",
        "engine": ", ".join(f"{key} {value}" for key, value in engine.items()),
        "decoding": f"beam {chosen['beam_size']}, temperature {chosen['temperature']}, pad {chosen['pad']}",
        "machine": f"{record.environment.cpu}, {record.environment.usable_cores} cores",
        "problems": record.facts["problems"]["count"],
        **{f"vs {record.facts['reference']['name']}": verdict for verdict in _verdicts(record)},
    }
    return [{"fact": key, "value": value} for key, value in rows.items()]


def _verdicts(record: Record) -> list[str]:
    return list(record.facts.get("reference", {}).get("verdict", {}).values())


def diff_markdown(steps: Sequence[Step]) -> str:
    """`the ~~cat~~ **hat** sat`."""
    marks = (("~~{}~~", "reference"), ("**{}**", "hypothesis"))
    return _diff(steps, lambda text: text, marks)


def diff_html(steps: Sequence[Step]) -> str:
    """An alignment as HTML with `del` and `ins`."""
    return _diff(steps, escape, (("<del>{}</del>", "reference"), ("<ins>{}</ins>", "hypothesis")))


def _diff(steps: Sequence[Step], plain: Any, marks: Sequence[tuple[str, str]]) -> str:
    parts = []
    for step in steps:
        if step.kind == "equal":
            parts.append(plain(step.reference))
            continue
        parts += [mark.format(plain(getattr(step, side))) for mark, side in marks if getattr(step, side)]
    return " ".join(parts)


def markdown(record: Record, bad: Sequence[Bad]) -> str:
    """The report as Markdown."""
    parts = _parts(record, bad, lambda level, text: f"{'#' * level} {text}", to_markdown, _worst_markdown)
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def html(record: Record, bad: Sequence[Bad]) -> str:
    """The report as one HTML file that needs nothing else."""
    parts = _parts(record, bad, lambda level, text: f"<h{level}>{escape(text)}</h{level}>", _table, _worst_html)
    head = f'<meta charset="utf-8"><title>{escape(title(record))}</title><style>{STYLE}</style>'
    return f"<!doctype html>\n<html>{head}<body>\n" + "\n".join(parts) + "\n</body></html>\n"


def _parts(
    record: Record,
    bad: Sequence[Bad],
    heading: Callable[[int, str], str],
    table: Callable[[Sequence[Row]], str],
    worst: Callable[[Bad], str],
) -> list[str]:
    """The parts of a report, each in the form that the three functions give it."""
    parts = [heading(1, title(record)), table(summary_rows(record)), table(about_rows(record))]
    for name, rows in record.tables.items():
        parts += [heading(2, f"By {name}"), table(rows)]
    if bad:
        parts.append(heading(2, "Worst utterances"))
    return parts + [worst(entry) for entry in bad]


def _worst_markdown(entry: Bad) -> str:
    other = f"\n\nreference system: {diff_markdown(entry.compared)}" if entry.compared is not None else ""
    return f"**{_caption(entry)}**\n\n{diff_markdown(entry.steps)}{other}"


def _worst_html(entry: Bad) -> str:
    other = f"<br><small>reference system: {diff_html(entry.compared)}</small>" if entry.compared is not None else ""
    caption = f"<figcaption><small>{escape(_caption(entry))}</small></figcaption>"
    return f"<figure>{caption}{diff_html(entry.steps)}{other}</figure>"


def _caption(entry: Bad) -> str:
    flags = f", {', '.join(entry.flags)}" if entry.flags else ""
    return f"{entry.hypothesis.id}: {entry.errors} errors in {entry.length}{flags}"


def _table(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(str(key))}</th>" for key in rows[0])
    body = "".join(f"<tr>{''.join(_cell(value) for value in row.values())}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if isinstance(value, int | float):
        return f'<td class="n">{number(float(value))}</td>'
    return f"<td>{escape('' if value is None else str(value))}</td>"
