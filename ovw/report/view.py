"""A record in a notebook: its figures, its table, its charts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ovw.config import build
from ovw.errors import UsageError, did_you_mean
from ovw.extras import require_extra
from ovw.record import Metric, Record
from ovw.record_tables import to_html
from ovw.report.config import ReportConfig
from ovw.report.measured import measured_cases
from ovw.report.overview import overview_rows
from ovw.report.runs import Run, read_runs

if TYPE_CHECKING:
    import altair as alt


class RecordView:
    """A record of a benchmark or an evaluation, and its file.

    Args:
        path: of the record.
        run: the record with its utterances.
    """

    def __init__(self, path: Path, run: Run) -> None:
        self.path = path
        self.run = run

    @classmethod
    def read(cls, path: str | Path) -> RecordView:
        """Read a record, or the folder of an evaluation.

        Raises:
            OvwError: it is none.
        """
        (run,) = read_runs([Path(path)])
        return cls(Path(path), run)

    @property
    def record(self) -> Record:
        return self.run.record

    @property
    def metrics(self) -> dict[str, Metric]:
        """Figures of an evaluation, or of the only case of a benchmark."""
        if self.record.metrics or len(self.record.cases) != 1:
            return self.record.metrics
        return self.record.cases[0].metrics

    def chart(self, name: str) -> alt.LayerChart | alt.Chart:
        """A chart of the report, such as `wer-speed`, `window`, `token-by-cache` or `roofline`.

        Args:
            name: of a figure, or how it begins; the first such is taken.

        Raises:
            UsageError: there is none.
        """
        from ovw.report.pipeline import WIDTH, make_figures

        require_extra("report")
        figures = make_figures([self.run])
        for figure in figures:
            if figure.name.startswith(name):
                return figure.chart.properties(width=WIDTH, title=figure.title)
        raise UsageError(f"no chart '{name}'", did_you_mean(name, [figure.name for figure in figures]))

    def report(self, path: str | Path, **options: object) -> Path:
        """Write the page of `ovw report`.

        Args:
            path: of the page.
            **options: other fields of `ReportConfig`.

        Raises:
            OvwError: a file that is not ovw's is in the way.
        """
        from ovw.report.pipeline import write_report

        wanted = {"records": [str(self.path)], "output": str(path), **options}
        return write_report(build(ReportConfig, wanted))[0]

    def _repr_html_(self) -> str:
        """The overview as a table, for notebooks."""
        return to_html(overview_rows(measured_cases([self.run])))
