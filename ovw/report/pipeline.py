"""`ovw report` from records to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ovw.errors import OvwError, UsageError
from ovw.extras import missing, require_extra
from ovw.home import user_path
from ovw.outputs import check_writable, keep_inputs, refusals, write_own
from ovw.record import damage_explained
from ovw.record_tables import to_markdown
from ovw.report import bench_tables, eval_tables
from ovw.report.config import ReportConfig
from ovw.report.explorer import AudioSource
from ovw.report.measured import measured_cases
from ovw.report.overview import compared_lines, overview_rows
from ovw.report.page import default_title, html_page
from ovw.report.runs import Run, read_runs
from ovw.scoring.utterances import worst_first

if TYPE_CHECKING:
    from ovw.report.charts.figure import Figure

WORST = 10
"""Utterances in Markdown."""
PICTURES = ("svg", "png")
WIDTH = 760
"""Of a chart outside of the page."""
PIXELS = 2
"""Of a PNG for each unit of width."""


def write_report(config: ReportConfig) -> list[Path]:
    """Write a report on any mix of records.

    Args:
        config: the request.

    Returns:
        The files, in the order they were written.

    Raises:
        OvwError: a record that is none, missing packages, or a file that may not or cannot be written.
    """
    require_extra("report")
    paths, output = [user_path(record) for record in config.records], Path(config.output)
    runs = read_runs(paths)
    with damage_explained(paths, "cannot be shown"):
        return _write(config, runs, paths, output)


def _write(config: ReportConfig, runs: Sequence[Run], paths: Sequence[Path], output: Path) -> list[Path]:
    if not any(run.utterances for run in runs) and not measured_cases(runs):
        raise OvwError(f"{', '.join(map(str, paths))}: nothing was measured there", "measure again")
    figures = make_figures(runs)
    pictures = [form for form in PICTURES if form in config.format]
    targets = {(figure.name, form): _beside(output, figure, form) for form in pictures for figure in figures}
    page, text = (output, output.with_suffix(".md"))
    wanted = [
        *([page] if "html" in config.format else []),
        *targets.values(),
        *([text] if "md" in config.format else []),
    ]
    if len(set(wanted)) < len(wanted):
        raise UsageError(f"the page and the tables would both be {output}", "name the page .html: -o report.html")
    keep_inputs(wanted, paths)
    for problem in refusals(wanted, overwrite=config.overwrite).values():
        raise problem

    check_writable([output.parent])
    if "html" in config.format:
        audio = AudioSource(output.parent, int(config.embed_audio * 1e6))
        write_own(page, html_page(runs, figures, audio, config.title))
    for figure in figures:
        for form in pictures:
            write_own(targets[figure.name, form], _picture(figure, form))
    if "md" in config.format:
        linked = {figure.name: targets[figure.name, pictures[0]].name for figure in figures} if pictures else {}
        write_own(text, markdown(runs, figures, config.title, linked))
    return wanted


def has_charts() -> bool:
    """Whether the packages for charts are installed."""
    return not missing("altair", "vl_convert")


def make_figures(runs: Sequence[Run]) -> list[Figure]:
    """The charts of a report."""
    from ovw.report.charts import all_figures

    return all_figures(measured_cases(runs))


def write_run_page(run: Run, path: Path) -> None:
    """Write the page of one run, as `ovw eval` and `ovw bench` do, with charts where their packages are installed."""
    figures = make_figures([run]) if has_charts() else []
    write_own(path, html_page([run], figures, AudioSource(path.parent)))


def markdown(runs: Sequence[Run], figures: Sequence[Figure], title: str | None, pictures: dict[str, str]) -> str:
    """The report as Markdown.

    Args:
        runs: one or more.
        figures: charts made of them.
        title: by default, made from the runs.
        pictures: file of each chart by its name, where there is one.
    """
    cases = measured_cases(runs)
    parts = [f"# {title or default_title(runs)}", to_markdown(overview_rows(cases)), *compared_lines(cases)]
    for figure in figures:
        parts.append(f"## {figure.title}")
        parts += [f"![{figure.title}]({pictures[figure.name]})"] if figure.name in pictures else []
        parts += [figure.caption, to_markdown(figure.rows)]
    for run in runs:
        parts.append(_record_markdown(run).replace("\n# ", "\n## ").replace("# ", "## ", 1))
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _record_markdown(run: Run) -> str:
    if run.record.kind == "bench":
        return bench_tables.markdown(run.record)
    if run.record.cases:
        return ""
    worst = worst_first(run.utterances.get("", []))[:WORST]
    return eval_tables.markdown(run.record, [entry for entry in worst if entry.errors])


def _picture(figure: Figure, form: str) -> str | bytes:
    import vl_convert

    spec = figure.chart.properties(width=WIDTH, title=figure.title, background="white").to_dict()
    drawn: str | bytes = (
        vl_convert.vegalite_to_svg(spec) if form == "svg" else vl_convert.vegalite_to_png(spec, scale=PIXELS)
    )
    return drawn


def _beside(output: Path, figure: Figure, form: str) -> Path:
    return output.with_name(f"{output.stem}-{figure.name}.{form}")
