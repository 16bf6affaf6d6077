"""One HTML file that opens from disk: tables, charts and utterances, with everything it needs inside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ovw import __version__
from ovw.record import Record
from ovw.record_tables import number
from ovw.report.bench_tables import detail_rows, machine_lines, problem_lines
from ovw.report.eval_tables import about_rows, breakdowns, confusion_rows, summary_rows
from ovw.report.explorer import AudioSource, explorer_data
from ovw.report.measured import MeasuredCase, measured_cases
from ovw.report.overview import compared_lines, overview_rows
from ovw.report.runs import Run

if TYPE_CHECKING:
    from ovw.report.charts.figure import Figure

SHOW = "window.vegaEmbed = vegaEmbed;"
"""Hands the page the one function of the bundle that it calls."""
WIDE = 60
"""Characters of a cell from which on it is broken into lines."""


def html_page(runs: Sequence[Run], figures: Sequence[Figure], audio: AudioSource, title: str | None = None) -> str:
    """The page.

    Args:
        runs: one or more.
        figures: charts made of them; none leaves them out.
        audio: finds the audio of utterances.
        title: by default, made from the runs.
    """
    from jinja2 import Environment, PackageLoader

    cases = measured_cases(runs)
    explorer = explorer_data(cases, audio)
    templates = files("ovw.report").joinpath("templates")
    page = Environment(loader=PackageLoader("ovw.report", "templates"), autoescape=True, trim_blocks=True).get_template(
        "page.html.j2"
    )
    return page.render(
        title=title or default_title(runs),
        subtitle=_subtitle(runs, cases),
        overview=overview_rows(cases) or [{"case": "nothing was measured"}],
        notes=[*compared_lines(cases), *(line for run in runs for line in _notes(run.record))],
        figures=[_with_link(figure, figures) for figure in figures],
        explorer=bool(explorer),
        records=[_described(run) for run in runs],
        specs=_script_json({figure.name: figure.chart.to_dict() for figure in figures}),
        explorer_json=_script_json(explorer),
        css=templates.joinpath("page.css").read_text(encoding="utf-8"),
        js=templates.joinpath("page.js").read_text(encoding="utf-8"),
        bundle=_vega() if figures else "",
        version=__version__,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cell=_cell,
        cell_class=_cell_class,
    )


def default_title(runs: Sequence[Run]) -> str:
    """The run's name, or how many there are."""
    return f"ovw report: {runs[0].name}" if len(runs) == 1 else f"ovw report: {len(runs)} records"


def _subtitle(runs: Sequence[Run], cases: Sequence[MeasuredCase]) -> str:
    dates = sorted(run.record.created[:10] for run in runs)
    span = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    machines = ", ".join(dict.fromkeys(case.machine for case in cases))
    return " · ".join(part for part in (span, machines) if part)


def _with_link(figure: Figure, figures: Sequence[Figure]) -> dict[str, Any]:
    """A figure for the template; titles that several have get a number."""
    alike = [other for other in figures if other.title == figure.title]
    link = figure.title if len(alike) == 1 else f"{figure.title} ({alike.index(figure) + 1})"
    return {
        "name": figure.name,
        "caption": figure.caption,
        "rows": figure.rows,
        "link": link,
    }


def _notes(record: Record) -> list[str]:
    return problem_lines(record) if record.kind == "bench" else []


def _described(run: Run) -> dict[str, Any]:
    """Tables and provenance of a record."""
    record = run.record
    provenance = {
        "environment": record.environment.model_dump(mode="json", exclude_none=True),
        "config": record.config,
        "artifact": record.artifact.model_dump(mode="json", exclude_none=True) if record.artifact else None,
        "facts": record.facts,
        "cases": {case.name: {"config": case.config, "facts": case.facts} for case in record.cases},
    }
    return {
        "name": run.name,
        "kind": record.kind,
        "created": record.created,
        "machine": machine_lines(record)[0],
        "parts": [part for part in _parts(record) if part["rows"]],
        "provenance": json.dumps(provenance, indent=1, ensure_ascii=False, default=str),
    }


def _parts(record: Record) -> list[dict[str, Any]]:
    if record.kind == "bench":
        return [{"title": case.name, "rows": detail_rows(case)} for case in record.cases if case.metrics]
    if record.cases:
        return []
    tables = [{"title": f"By {name}", "rows": rows} for name, rows in breakdowns(record).items()]
    errors = {"title": "Most frequent errors", "rows": confusion_rows(record)}
    run = {"title": "Run", "rows": about_rows(record)}
    return [{"title": "Figures", "rows": summary_rows(record)}, *tables, errors, run]


def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, of the version that Altair's charts are for."""
    import altair
    import vl_convert

    version = ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    bundle: str = vl_convert.javascript_bundle(SHOW, version)
    return bundle.replace("</script", "<\\/script")


def _script_json(data: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return number(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _cell_class(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ' class="n"'
    return ' class="wide"' if len(str(value)) > WIDE else ""
