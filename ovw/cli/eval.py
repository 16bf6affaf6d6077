"""`ovw eval`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from ovw.choices import TASKS, BootstrapUnit, EvalFormat
from ovw.cli import options
from ovw.cli.console import Terminal, show_config
from ovw.cli.values import check_exact, config_file, floats, given
from ovw.extras import require_extra

if TYPE_CHECKING:
    from ovw.evaluate.transcription import EvalObserver
    from ovw.record import Record

scoring = partial(options.option, group="Scoring")


def run(
    context: typer.Context,
    dataset: Annotated[
        str,
        typer.Argument(
            help="librispeech, fleurs, common_voice, voxpopuli, bundled, a .jsonl/.csv manifest, a folder, "
            "hf:owner/name, or a matrix .yaml."
        ),
    ],
    split: Annotated[
        str | None, options.dataset(text="Part of the dataset. Default: test-clean of librispeech, else test.")
    ] = None,
    data: Annotated[
        str | None,
        options.dataset(text="Place of a named dataset: folder, .tar.gz, hf:owner/name. Default: the Hub."),
    ] = None,
    languages: Annotated[str | None, options.dataset(text="Take only these languages, with commas: de,fr.")] = None,
    limit: Annotated[int | None, options.dataset(text="Take at most this many clips.")] = None,
    shuffle: Annotated[bool, options.dataset(text="With --limit: draw the clips at random, by --seed.")] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is drawn. Default 0.")] = None,
    model: options.Model = None,
    reference: Annotated[
        str | None,
        scoring(text="Compare with pytorch, a .pt file, an artifact, an earlier run's folder or its .jsonl."),
    ] = None,
    output: Annotated[
        str | None,
        options.output("--output", "-o", text="Folder of the run. There the same request continues where it stopped."),
    ] = None,
    formats: Annotated[
        list[str] | None,
        options.output(
            "--format",
            "-f",
            choices=get_args(EvalFormat),
            text="Also write the results as the Open ASR Leaderboard's manifest, for its own scoring.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        options.decoding(choices=TASKS, text="Transcribe (the default), or translate into English."),
    ] = None,
    language: Annotated[str | None, options.decoding(text="Language of every clip. Default: the dataset's.")] = None,
    detect_language: Annotated[
        bool,
        options.decoding(text="Let the model detect it, even where the dataset has it."),
    ] = False,
    beam_size: Annotated[
        int | None, options.decoding(text="Beams of the beam search. Default 1: greedy decoding.")
    ] = None,
    temperature: options.Temperature = None,
    without_timestamps: Annotated[bool, options.decoding(text="Decode text only.")] = False,
    batch_size: Annotated[
        int | None,
        options.speed(
            text="Decode this many windows together, of one clip or of several. Default 1: window by window; 0 chooses "
            "as ovw transcribe does, clip by clip."
        ),
    ] = None,
    audio_context: options.AudioContext = None,
    pad: options.Pad = None,
    exact: options.Exact = False,
    device: options.Device = None,
    inference_precision: options.InferencePrecision = None,
    threads: options.Threads = None,
    workers: Annotated[int | None, options.speed(text="Run this many processes. Default 1.")] = None,
    ray: options.Ray = None,
    interval: Annotated[
        str | None,
        scoring(
            choices=get_args(BootstrapUnit),
            text="Let the bootstrap draw utterances or whole speakers. Default utterance.",
        ),
    ] = None,
    draws: Annotated[int | None, scoring(text="Number of draws of the bootstrap. Default 2000.")] = None,
    worst: Annotated[
        int | None, scoring(text="Show this many of the worst utterances with their errors. Default 10.")
    ] = None,
    score_silence: Annotated[
        bool, scoring(text="Count words made up over clips with empty references, apart.")
    ] = False,
    strict: Annotated[bool, options.dataset(text="Stop at the first clip that cannot be used.")] = False,
    force: Annotated[bool, options.output(text="Begin anew, whatever run the folder holds.")] = False,
    yes: options.Yes = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", help=f"Take these and all decoding options from a YAML file; {options.FLAGS_WIN}."),
    ] = None,
    print_config: options.PrintConfig = False,
    offline: options.Offline = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the folder only.")] = False,
) -> None:
    """Word error rate of an artifact on a dataset, with a confidence interval.

    Results are on disk clip by clip: after any interruption the same command goes on where it stopped.
    """
    from ovw.evaluate.config import EvalConfig

    flags = given(context, EvalConfig, {"temperature": floats}, formats="format")
    check_exact(flags)
    terminal = Terminal(quiet=quiet)
    if Path(dataset).suffix in (".yaml", ".yml"):
        _matrix(Path(dataset), flags, config, terminal, yes=yes, print_config=print_config)
    else:
        _single(flags, config, terminal, yes=yes, print_config=print_config)


def _single(flags: dict[str, Any], file: Path | None, terminal: Terminal, *, yes: bool, print_config: bool) -> None:
    from ovw.config import resolve
    from ovw.evaluate.config import EvalConfig

    chosen = resolve(EvalConfig, flags, config_file("eval", file))
    check_exact(flags | {"exact": chosen.exact})
    if print_config:
        show_config(chosen)
        return
    require_extra("eval")
    from ovw.cli.ensure import ensure_model, pytorch_file
    from ovw.evaluate.pipeline import evaluate
    from ovw.evaluate.terminal import print_evaluation

    folder = ensure_model(chosen.model, chosen.decoding(), terminal, yes=yes)
    chosen = chosen.model_copy(update={"model": str(folder)})
    with _observer(terminal) as observer:
        done = evaluate(chosen, observer, pytorch_file=pytorch_file)
    if terminal.quiet:
        terminal.result(str(done.folder))
    else:
        print_evaluation(done)


def _matrix(
    file: Path, flags: dict[str, Any], config: Path | None, terminal: Terminal, *, yes: bool, print_config: bool
) -> None:
    from ovw.config import resolve
    from ovw.errors import UsageError
    from ovw.evaluate.matrix import FailedRunsError, MatrixConfig, cells, evaluate_matrix

    if config:
        raise UsageError(f"--config {config} beside the matrix {file}", "put its keys into the matrix under `defaults`")
    if "model" in flags:
        raise UsageError(f"--model beside the matrix {file}", "name it there under `models`")
    chosen = resolve(MatrixConfig, {key: flags[key] for key in ("output",) if key in flags}, file)
    if print_config:
        show_config(chosen)
        return
    planned = cells(chosen, flags)
    for cell in planned:
        check_exact(flags | {"exact": cell.config.exact})
    require_extra("eval")
    from ovw.cli.ensure import ensure_model, pytorch_file

    for cell in planned:
        ensure_model(cell.config.model, cell.config.decoding(), terminal, yes=yes)
    try:
        with _observer(terminal) as observer:
            record = evaluate_matrix(chosen, flags, observer, pytorch_file=pytorch_file)
    except FailedRunsError as error:
        _show_matrix(error.record, chosen.output, terminal)
        raise
    _show_matrix(record, chosen.output, terminal)


def _show_matrix(record: Record, folder: str, terminal: Terminal) -> None:
    from ovw.evaluate.matrix import front_rows
    from ovw.evaluate.terminal import print_table

    if terminal.quiet:
        terminal.result(folder)
    else:
        print_table(front_rows(record), folder)


@contextmanager
def _observer(terminal: Terminal) -> Iterator[EvalObserver]:
    """A bar with clips and speed; problems as they come, each in a line."""
    from ovw.evaluate.transcription import EvalObserver

    with terminal.bar("starting") as bar:

        def on_clip(done: int, total: int | None, audio_s: float, seconds: float) -> None:
            speed = f", {audio_s / seconds:.1f}x real time" if seconds else ""
            bar.at(done, total)
            bar.remark(f"{done} clips{speed}")

        yield EvalObserver(bar.step, on_clip, lambda problem: bar.print(f"{problem.id}: {problem.reason}"))
