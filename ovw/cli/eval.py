"""`ovw eval`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ovw.cli import options

if TYPE_CHECKING:
    from ovw.artifact.manifest import Manifest
    from ovw.evaluate.transcription import EvalObserver

NEEDED = {"jinja2": "jinja2", "jiwer": "jiwer", "whisper_normalization": "whisper-normalization"}


def run(
    dataset: Annotated[
        str,
        typer.Argument(
            help="librispeech, fleurs, common_voice, voxpopuli, bundled, a .jsonl/.csv manifest, a folder, "
            "hf:owner/name, or a matrix .yaml."
        ),
    ],
    split: Annotated[str | None, typer.Option(help="Default test-clean of librispeech, else test.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Where a named dataset lies: folder, .tar.gz, hf:owner/name. Default: the Hub.")
    ] = None,
    languages: Annotated[str | None, typer.Option(help="Only these, with commas: de,fr.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most this many clips.")] = None,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="With --limit: drawn at random, by --seed.")] = False,
    seed: Annotated[int | None, typer.Option(help="Of all that is drawn. Default 0.")] = None,
    model: options.Model = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Compare with: pytorch, a .pt file, an artifact, an earlier run's folder or its .jsonl."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="The run's folder; the same request goes on there.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="transcribe (default) or translate.")] = None,
    language: Annotated[str | None, typer.Option(help="Of every clip. Default: the dataset's.")] = None,
    detect_language: Annotated[
        bool, typer.Option("--detect-language", help="By the model, even where the dataset has the language.")
    ] = False,
    beam_size: Annotated[int | None, typer.Option(help="Default 1, greedy.")] = None,
    temperature: options.Temperature = None,
    without_timestamps: Annotated[bool, typer.Option("--without-timestamps", help="Decode text only.")] = False,
    batch_size: Annotated[
        int | None, typer.Option(help="Clips decoded together, the fast way. Default 1: one after the other.")
    ] = None,
    audio_context: options.AudioContext = None,
    pad: options.Pad = None,
    exact: options.Exact = False,
    device: options.Device = None,
    inference_precision: options.InferencePrecision = None,
    threads: options.Threads = None,
    workers: Annotated[int | None, typer.Option(help="Processes. Default 1.")] = None,
    ray: options.Ray = None,
    interval: Annotated[str | None, typer.Option(help="What the bootstrap draws: utterance or speaker.")] = None,
    draws: Annotated[int | None, typer.Option(help="Of the bootstrap. Default 2000.")] = None,
    worst: Annotated[int | None, typer.Option(help="Utterances to show with their errors. Default 10.")] = None,
    score_silence: Annotated[
        bool, typer.Option("--score-silence", help="Count what is made up over clips with empty references, apart.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first clip that cannot be used.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Begin anew where the folder holds another run.")] = False,
    yes: options.Yes = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML with these and all decoding options; flags win.")
    ] = None,
    print_config: options.PrintConfig = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the folder only.")] = False,
) -> None:
    """Word error rate of an artifact on a dataset, with a confidence interval.

    Results are on disk clip by clip: after any interruption the same command goes on where it stopped.
    """
    from ovw.cli.values import check_exact, numbers

    flags: dict[str, Any] = {
        "dataset": dataset, "split": split, "data": data, "languages": languages, "limit": limit,
        "shuffle": shuffle or None, "seed": seed, "model": model, "reference": reference, "output": output,
        "task": task, "language": language, "detect_language": detect_language or None, "beam_size": beam_size,
        "temperature": numbers("--temperature", temperature, float), "without_timestamps": without_timestamps or None,
        "batch_size": batch_size, "audio_context": audio_context, "pad": pad,
        "exact": exact or None, "device": device, "inference_precision": inference_precision,
        "threads": threads, "workers": workers, "ray": ray, "interval": interval, "draws": draws, "worst": worst,
        "strict": strict or None, "score_silence": score_silence or None, "force": force or None,
    }  # fmt: skip
    check_exact(flags)
    if Path(dataset).suffix in (".yaml", ".yml"):
        _matrix(Path(dataset), flags, config, yes=yes, print_config=print_config, quiet=quiet)
    else:
        _single(flags, config, yes=yes, print_config=print_config, quiet=quiet)


def _single(flags: dict[str, Any], file: Path | None, *, yes: bool, print_config: bool, quiet: bool) -> None:
    from ovw.cli.values import config_file
    from ovw.config import dump_yaml, resolve
    from ovw.evaluate.config import EvalConfig

    chosen = resolve(EvalConfig, flags, config_file("eval", file))
    if print_config:
        typer.echo(dump_yaml(chosen), nl=False)
        return
    _require_extra()
    from ovw.cli.ensure import ensure_model
    from ovw.evaluate.pipeline import evaluate
    from ovw.evaluate.terminal import print_evaluation

    folder = ensure_model(chosen.model, chosen.decoding(), yes=yes, quiet=quiet)
    chosen = chosen.model_copy(update={"model": str(folder)})
    with _observer(quiet=quiet) as observer:
        done = evaluate(chosen, observer, pytorch_file=_pytorch_file)
    if quiet:
        typer.echo(str(done.folder))
    else:
        print_evaluation(done)


def _matrix(
    file: Path, flags: dict[str, Any], config: Path | None, *, yes: bool, print_config: bool, quiet: bool
) -> None:
    from ovw.config import dump_yaml, resolve
    from ovw.errors import UsageError
    from ovw.evaluate.matrix import MatrixConfig, cells, evaluate_matrix, front_rows

    if config:
        raise UsageError(f"--config {config} beside the matrix {file}", "put its keys into the matrix under `defaults`")
    if flags["model"]:
        raise UsageError(f"--model beside the matrix {file}", "name it there under `models`")
    own = {"output": flags["output"]}
    chosen = resolve(MatrixConfig, own, file)
    if print_config:
        typer.echo(dump_yaml(chosen), nl=False)
        return
    planned = cells(chosen, flags)
    _require_extra()
    from ovw.cli.ensure import ensure_model
    from ovw.evaluate.terminal import print_table

    for cell in planned:
        ensure_model(cell.config.model, cell.config.decoding(), yes=yes, quiet=quiet)
    with _observer(quiet=quiet) as observer:
        record = evaluate_matrix(chosen, flags, observer, pytorch_file=_pytorch_file)
    if quiet:
        typer.echo(chosen.output)
    else:
        print_table(front_rows(record), chosen.output)


def _pytorch_file(manifest: Manifest) -> Path:
    from ovw.cli.convert import require_convert_extra

    require_convert_extra()
    from ovw.convert.pytorch_file import pytorch_file

    return pytorch_file(manifest)


@contextmanager
def _observer(*, quiet: bool) -> Iterator[EvalObserver]:
    """A bar with clips and speed; problems as they come, each in a line."""
    from ovw.cli.console import progress
    from ovw.evaluate.transcription import EvalObserver

    with progress(quiet=quiet) as bars:
        bar = bars.add_task("starting", total=None, note="")

        def on_clip(done: int, total: int | None, audio_s: float, seconds: float) -> None:
            speed = f", {audio_s / seconds:.1f}x real time" if seconds else ""
            bars.update(bar, completed=done, total=total, note=f"{done} clips{speed}")

        def on_problem(problem: Any) -> None:
            if not quiet:
                bars.console.print(f"{problem.id}: {problem.reason}", markup=False, highlight=False, soft_wrap=True)

        yield EvalObserver(lambda text: bars.update(bar, description=text, total=None), on_clip, on_problem)


def _require_extra() -> None:
    """Report packages that are missing on a machine that only runs artifacts."""
    from importlib.util import find_spec

    from ovw.errors import OvwError

    if missing := [package for module, package in NEEDED.items() if find_spec(module) is None]:
        raise OvwError(f"scoring needs {', '.join(missing)}", "pip install 'ovw[eval]'")
