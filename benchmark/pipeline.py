"""`ovw bench` from request to record."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from ovw.benchmark.clips import prepare_clips
from ovw.benchmark.config import BenchConfig
from ovw.benchmark.journal import RecordJournal, default_path
from ovw.benchmark.models import artifacts_of, require_devices, subjects_of
from ovw.benchmark.plan import BenchPlan, make_plan
from ovw.benchmark.results.derived import finish
from ovw.benchmark.scheduling.schedule import Bench, BenchObserver
from ovw.engines.registry import PytorchFile
from ovw.extras import require_extra
from ovw.files import write_whole
from ovw.record import Record, damage_explained
from ovw.record_tables import metric_rows, to_csv
from ovw.report.bench_tables import markdown
from ovw.report.pipeline import write_run_page
from ovw.report.runs import read_run
from ovw.scratch import scratch_folder


def bench(
    config: BenchConfig,
    observer: BenchObserver | None = None,
    *,
    pytorch_file: PytorchFile | None = None,
    force: bool = False,
) -> tuple[Path, Record]:
    """Measure every case in rounds, each in processes of its own, and keep the record on disk all the while.

    Args:
        config: the request.
        observer: callbacks for progress.
        pytorch_file: finds an artifact's checkpoint, for the engine pytorch.
        force: begin anew where the record's file holds another benchmark.

    Returns:
        Where the record is, and the record.

    Raises:
        OvwError: nothing to measure, or a record of something else in the way.
        KeyboardInterrupt: on Ctrl-C; the record holds what was measured.
    """
    watch = observer or BenchObserver()
    require_devices(config.device)
    if "html" in config.format:
        require_extra("report")  # before the work, not behind it
    plan = make_plan(config, pytorch_file)
    path = Path(config.output) if config.output else default_path()
    with damage_explained([path], "cannot be continued") if path.exists() else nullcontext():
        journal = RecordJournal(config, path, subjects_of(plan.cases), force=force)
        watch.on_path(path)
        _measure(config, plan, journal, watch)
        _write_other_formats(journal.record, path, config.format)
    return path, journal.record


def _measure(config: BenchConfig, plan: BenchPlan, journal: RecordJournal, watch: BenchObserver) -> None:
    """Measure what the journal does not hold yet."""
    with scratch_folder() as folder:
        watch.on_step("decoding the clips")
        clips = prepare_clips(config, folder)
        run = Bench(config, plan.cases, clips, journal, artifacts_of(plan.cases), watch)
        journal.note(clips=clips.description, left_out=plan.left_out, interrupted=True)
        try:
            run.measure_peaks()
            run.round(0)
            run.measure_memory()
            for number in range(1, config.rounds):
                run.round(number)
            run.profile_layers()
            run.measure_peaks(again=True)
            journal.note(interrupted=False)
        finally:
            finish(config, clips, journal, run.left_out())


def _write_other_formats(record: Record, path: Path, formats: Sequence[str]) -> None:
    """Write the tables and the page beside the record."""
    if "csv" in formats:
        write_whole(path.with_suffix(".csv"), to_csv(metric_rows([record])))
    if "md" in formats:
        write_whole(path.with_suffix(".md"), markdown(record))
    if "html" in formats:
        write_run_page(read_run(path), path.with_suffix(".html"))
