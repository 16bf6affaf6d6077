"""`ovw bench`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from ovw.choices import BenchFormat
from ovw.cli import options
from ovw.cli.bench_compare import FORMATS
from ovw.cli.command import Verb, VerbGroup
from ovw.cli.console import Terminal, show_config, warn
from ovw.cli.values import config_file, given, optional, was_given
from ovw.engines.registry import ENGINES
from ovw.errors import OvwError, UsageError
from ovw.extras import require_extra

if TYPE_CHECKING:
    from ovw.benchmark.config import BenchConfig
    from ovw.benchmark.scheduling.schedule import BenchObserver
    from ovw.record import Record

DEFAULT = "quick"
DEFAULT_ENGINE = "openvino"
RESUMED_WITH = ("rounds", "budget", "timeout")
"""Options that may change when a record is continued."""
ENGINE_NAMES = [name for name, row in ENGINES.items() if row.models != "own"]
cases = partial(options.option, group="Engines and cases")
effort = partial(options.option, group="Rounds and time")
app = typer.Typer(cls=VerbGroup, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Artifact folder, name or size, or hf:owner/name; may be repeated. Default: all installed artifacts.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="Name of a configuration (quick, the default, encoder-sweep, decoder-sweep, peers or full), or a YAML "
            f"file; {options.FLAGS_WIN}."
        ),
    ] = None,
    engine: Annotated[
        list[str] | None,
        cases(choices=ENGINE_NAMES, text=f"Time this engine; may be repeated. Default {DEFAULT_ENGINE}."),
    ] = None,
    peers: Annotated[
        str | None, cases(text="Folder in which the configuration's model and python paths are looked up.")
    ] = None,
    stages: Annotated[
        str | None,
        cases(
            text="Time these stages, with commas: load, compile, first_inference, mel, encoder, throughput, prefill, "
            "token, runner_encoder, runner_prefill, runner_token (of the graphs that the runner makes of the "
            "artifact's), detokenize, pipeline."
        ),
    ] = None,
    device: Annotated[str | None, cases(text="OpenVINO devices, with commas. Default CPU.")] = None,
    hint: Annotated[
        str | None, cases(text="Performance hints, latency or throughput or both with a comma. Default latency.")
    ] = None,
    streams: Annotated[
        str | None, cases(text="Numbers of streams, with commas; 0 leaves it to the hint. Default 0.")
    ] = None,
    threads: Annotated[str | None, cases(text="Numbers of threads, with commas; 0 is all cores. Default 0.")] = None,
    inference_precision: Annotated[
        str | None,
        cases(text="Compute in these precisions, with commas: default (the device chooses), f32, bf16, f16."),
    ] = None,
    shapes: Annotated[
        str | None, cases(text="Shapes of the encoder: artifact (default), static, or both with a comma.")
    ] = None,
    frames: Annotated[str | None, cases(text="Mel frames of a window, with commas. Default 3000.")] = None,
    batch: Annotated[str | None, cases(text="Numbers of windows at once, with commas. Default 1.")] = None,
    beam_size: Annotated[str | None, cases(text="Numbers of beams, with commas. Default 1: greedy decoding.")] = None,
    cache: Annotated[
        str | None, cases(text="Time a token after this many tokens, with commas. Default 0,100,400.")
    ] = None,
    dataset: Annotated[
        str | None,
        options.dataset(text="Clips for the pipeline, a dataset of ovw eval. Default: one bundled clip."),
    ] = None,
    data: Annotated[
        str | None, options.dataset(text="Place of the dataset; without --dataset it is librispeech.")
    ] = None,
    split: Annotated[str | None, options.dataset(text="Part of the dataset.")] = None,
    limit: Annotated[int | None, options.dataset(text="Take at most this many clips.")] = None,
    rounds: Annotated[
        int | None,
        effort(text="Run this many processes for each case, in turns. Default: the configuration's (quick: 5)."),
    ] = None,
    iterations: Annotated[
        int | None,
        effort(text="Repeat a stage at least this many times in a round. Default: the configuration's (quick: 8)."),
    ] = None,
    seconds: Annotated[
        float | None,
        effort(text="Repeat a stage for at least these seconds in a round. Default: the configuration's (quick: 0.3)."),
    ] = None,
    warmup: Annotated[int | None, effort(text="Iterations before the clock starts. Default 2.")] = None,
    budget: Annotated[
        str | None, effort(text="Take this many seconds for everything, or none. Default 180 with quick, else none.")
    ] = None,
    timeout: Annotated[float | None, effort(text="A process that gives no result for these seconds is ended.")] = None,
    layers: Annotated[bool, cases(text="Time every layer too.")] = False,
    memory: Annotated[bool | None, cases(text="Measure memory. Default: yes.")] = None,
    roofline: Annotated[bool | None, cases(text="Measure the limits of the machine. Default: yes.")] = None,
    output: Annotated[
        str | None,
        options.output("--output", "-o", text="Write the record to this .json; the same request continues there."),
    ] = None,
    formats: Annotated[
        list[str] | None,
        options.output(
            "--format",
            "-f",
            choices=get_args(BenchFormat),
            text="Write this format beside the record, which is always json; may be repeated.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        options.output(
            text="Continue a record that was interrupted, maybe with other --rounds, --budget or --timeout."
        ),
    ] = None,
    force: Annotated[bool, options.output("--force", text="Begin anew where the file holds another record.")] = False,
    print_config: options.PrintConfig = False,
    offline: options.Offline = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the record's path only.")] = False,
    json_: options.Json = False,
) -> None:
    """Time artifacts stage by stage, and engines side by side.

    Every case runs in processes of its own; the record is on disk all the while, and --resume goes on with it. Defaults
    named below are those of the configuration quick.
    """
    if verb := context.invoked_subcommand:
        _require_no_options(context, verb)
        return
    if resume and force:
        raise UsageError("--resume goes on with a record, --force begins anew", "leave out one of them")
    chosen = _resolve(context, config, resume)
    if print_config:
        show_config(chosen)
        return
    _measure(chosen, Terminal(quiet=quiet or json_), force=force, as_json=json_)


@app.command("compare", cls=Verb)
def compare(
    first: Annotated[Path, typer.Argument(help="A record of ovw bench.")],
    second: Annotated[Path, typer.Argument(help="Another, of the same cases.")],
    max_regression: Annotated[
        float | None,
        typer.Option(
            help="Exit 1 where the second is certainly worse by more than this many percent, or has not measured "
            "what the first has."
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.1, max=100, help="Percent within which two measurements count as the same.")
    ] = 5.0,
    formats: Annotated[
        str,
        options.option("--format", "-f", choices=FORMATS, text="Print this format.", show_default=True),
    ] = "table",
) -> None:
    """Show what is faster or slower in a second record.

    Ratios with confidence intervals; what was measured while something else ran is no finding.
    """
    require_extra("bench")
    from ovw.benchmark.results.compare import compare as compare_records
    from ovw.cli.bench_compare import print_as, require_limit, require_no_regression
    from ovw.record import damage_explained, read_record

    require_limit(max_regression)
    with damage_explained([first, second], "cannot be compared"):
        found = compare_records(read_record(first), read_record(second), margin / 100)
        print_as(found, formats)
    if max_regression is not None:
        require_no_regression(found, max_regression)


def _require_no_options(context: typer.Context, verb: str) -> None:
    """Refuse options in front of a verb below, which would not get them."""
    for parameter in context.command.params:
        if was_given(context, parameter.name or ""):
            seen = f"{parameter.opts[0]} stands in front of {verb}, which does not take it there"
            raise UsageError(seen, f"write the options of {verb} behind it")


def _resolve(context: typer.Context, config: str | None, resume: Path | None) -> BenchConfig:
    from ovw.benchmark.config import BenchConfig
    from ovw.config import resolve

    flags = given(context, BenchConfig, {"budget": optional}, model="models", engine="engines", formats="format")
    if flags.get("data"):
        flags.setdefault("dataset", "librispeech")
    if resume:
        from ovw.benchmark.journal import config_of

        if config or flags.keys() - {*RESUMED_WITH}:
            allowed = "--{}, --{} and --{}".format(*RESUMED_WITH)
            raise UsageError("--resume takes its options from the record", f"leave out all but {allowed}")
        return config_of(resume, flags)
    return resolve(BenchConfig, flags, config_file("bench", config or DEFAULT))


def _measure(chosen: BenchConfig, terminal: Terminal, *, force: bool, as_json: bool) -> None:
    require_extra("bench")
    from ovw.benchmark.pipeline import bench
    from ovw.cli.ensure import find_model, pytorch_file
    from ovw.hub import is_reference
    from ovw.lifetime import exit_code
    from ovw.record import has_failed, read_record

    for model in filter(is_reference, chosen.models):
        find_model(model, terminal)
    seen: list[Path] = []
    try:
        with _observer(seen, terminal) as observer:
            path, record = bench(chosen, observer, pytorch_file=pytorch_file, force=force)
    except KeyboardInterrupt:
        if seen and seen[0].exists():
            warn(f"interrupted; ovw bench --resume {seen[0]} goes on")
            _show(read_record(seen[0]), seen[0], terminal, as_json=as_json)
            raise typer.Exit(exit_code()) from None
        raise
    _show(record, path, terminal, as_json=as_json)

    if bad := [case for case in record.cases if has_failed(case)]:
        named = ", ".join(f"{case.name} ({case.facts['status']})" for case in bad)
        hint = f"ovw bench --resume {path} tries them again"
        raise OvwError(f"{len(bad)} of {len(record.cases)} cases failed: {named}", hint)
    if not any(case.metrics for case in record.cases):
        if chosen.budget:
            why = f"the budget of {chosen.budget:g} s was over before the first round"
            raise OvwError(
                f"nothing was measured: {why}",
                "give a larger --budget, none for all the time it takes, or --no-roofline",
            )
        raise OvwError("nothing was measured", "see the lines above")


def _show(record: Record, path: Path, terminal: Terminal, *, as_json: bool) -> None:
    from ovw.benchmark.results.terminal import print_benchmark
    from ovw.record import damage_explained

    if as_json:
        options.print_json({"path": str(path), **record.model_dump(mode="json", exclude_none=True)})
    elif terminal.quiet:
        terminal.result(str(path))
    else:
        with damage_explained([path], "cannot be shown"):
            print_benchmark(record, path)


@contextmanager
def _observer(seen: list[Path], terminal: Terminal) -> Iterator[BenchObserver]:
    """A bar over the processes; problems as they come, each in a line."""
    from ovw.benchmark.scheduling.schedule import BenchObserver

    with terminal.bar("starting") as bar:
        yield BenchObserver(on_path=seen.append, on_step=bar.name, on_case=bar.at, on_problem=bar.print)
