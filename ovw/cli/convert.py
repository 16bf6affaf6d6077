"""`ovw convert`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from ovw.artifact.precisions import PRECISIONS
from ovw.choices import FrontendName, KindOfShapes
from ovw.cli import options
from ovw.cli.console import Terminal, show_config, warn
from ovw.cli.values import config_file, given
from ovw.extras import require_extra

if TYPE_CHECKING:
    from ovw.artifact.manifest import Manifest, Parity
    from ovw.convert.config import ConvertConfig
    from ovw.convert.plan import Converted

compression = partial(options.option, group="Precision and compression")


def run(
    context: typer.Context,
    size: Annotated[
        list[str] | None,
        typer.Option("--size", "-s", metavar="<size>", help="A Whisper size, see `ovw models`; may be repeated."),
    ] = None,
    fp16: Annotated[bool, compression("--fp16", text="Store the weights in FP16, the default.")] = False,
    fp32: Annotated[bool, compression("--fp32", text="Store the weights in FP32.")] = False,
    int8: Annotated[bool, compression("--int8", text="Store the weights in INT8.")] = False,
    precision: Annotated[
        list[str] | None,
        compression(
            choices=[*PRECISIONS],
            text="Name the precision; may be repeated. int8-ptq computes in INT8 in the encoder too; int4 is for the "
            "decoder of medium and larger sizes.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Take the weights from a .pt or ggml .bin file, a Hugging Face or CTranslate2 folder, "
            "hf:owner/name[@revision], an OpenAI name, or random. Default: what the size offers."
        ),
    ] = None,
    layout: Annotated[
        list[str] | None,
        options.shapes(
            choices=("genai", "stateless", "whispercpp", "onnx"),
            text="Write this file layout; may be repeated. Default genai.",
        ),
    ] = None,
    frontend: Annotated[
        str | None,
        options.shapes(
            choices=get_args(FrontendName),
            text="Build the graphs op by op (graph, the default), or by way of torch and ONNX.",
        ),
    ] = None,
    shapes: Annotated[
        str | None, options.shapes(choices=get_args(KindOfShapes), text="Kind of the shapes. Default dynamic.")
    ] = None,
    batch: options.Batch = None,
    tokens: options.Tokens = None,
    cache: options.Cache = None,
    frames: options.Frames = None,
    ggml_name: Annotated[
        list[str] | None,
        options.shapes(
            text="With whispercpp: one more ggml file that shall find the encoder, such as ggml-base-q5_0.bin."
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        compression(
            text="With int8-ptq: measure activations on this speech, a dataset with its split "
            "(librispeech:train-clean-100), a manifest or a folder of audio. Default: bundled:calibration, five "
            "minutes."
        ),
    ] = None,
    gate: Annotated[
        str | None,
        compression(
            text="With INT8 and INT4: compare with the fp32 IR on this speech with texts, or none. Default: "
            "bundled:test, five minutes."
        ),
    ] = None,
    max_wer_delta: Annotated[
        float | None, compression(text="Compressing may cost this many points of WER. Default 0.5.")
    ] = None,
    tune: Annotated[
        bool, compression(text="Search for the best recipe by size, WER and latency; this takes long.")
    ] = False,
    accept_wer: Annotated[bool, compression(text="Keep an artifact that costs more words.")] = False,
    output: Annotated[
        Path | None,
        options.output(
            "--output",
            "-o",
            text="Folder of the artifact, or of several. By default they become named artifacts.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help=f"Take these options from a YAML file or a packaged configuration; {options.FLAGS_WIN}.",
        ),
    ] = None,
    force: options.Force = False,
    offline: Annotated[bool, options.option(text="Open no connection.", callback=options.stay_offline)] = False,
    skip_memory_check: Annotated[bool, options.option(text="Begin even if memory seems too small.")] = False,
    print_config: options.PrintConfig = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the folder only.")] = False,
) -> None:
    """Turn a Whisper checkpoint into verified OpenVINO IR.

    The artifact is compared with PyTorch before it is put in place: encoder output, decoder logits with empty, filled
    and reordered cache, and greedy tokens. One that differs is refused, with the figures.
    """
    from ovw.config import resolve
    from ovw.convert.config import ConvertConfig

    flags = given(context, ConvertConfig)
    by_flag = {"fp32": fp32, "fp16": fp16, "int8": int8}
    if named := [*(name for name, asked in by_flag.items() if asked), *(precision or ())]:
        flags["precision"] = named
    plan = resolve(ConvertConfig, flags, config_file("convert", config))
    if print_config:
        show_config(plan)
        return
    finished: list[Converted] = []
    terminal = Terminal(quiet=quiet)
    try:
        for made in convert_with_progress(plan, terminal):
            _report(made, terminal)
            finished.append(made)
    finally:
        if len(finished) > 1 and not quiet:  # also of a run that ends early
            terminal.rows(summary_rows(finished))


def convert_with_progress(plan: ConvertConfig, terminal: Terminal) -> Iterator[Converted]:
    """Convert, showing each step and the bytes of a download; yields each artifact as it is done."""
    from ovw.artifact.layouts import layout_row

    of_onnx = any(layout_row(name).runtime == "onnxruntime" for name in plan.layout)
    require_extra("convert", "onnxruntime" if of_onnx else "onnx")
    from ovw.convert.pipeline import convert
    from ovw.convert.plan import ConvertObserver

    with terminal.bar("starting") as bar:

        def on_step(text: str) -> None:
            bar.step(text)
            bar.remark("")

        observer = ConvertObserver(on_step, bar.downloaded, on_failure=lambda failure: warn(str(failure)))
        yield from convert(plan, observer)


def convert_size(size: str, precision: str, terminal: Terminal) -> Converted:
    """Convert one named artifact, as `ovw convert --size ... --precision ...` does."""
    from ovw.config import build
    from ovw.convert.config import ConvertConfig

    (made,) = convert_with_progress(build(ConvertConfig, {"size": size, "precision": precision}), terminal)
    return made


def _report(made: Converted, terminal: Terminal) -> None:
    if terminal.quiet:
        terminal.result(str(made.folder))
    else:
        terminal.lines(describe_made(made))


def describe_made(made: Converted) -> list[str]:
    """An artifact in a few lines: what it is, how close to its checkpoint, what compressing costs."""
    how = f"in {made.seconds:.1f} s" if made.fresh else "was there already, its hashes hold"
    manifest = made.manifest
    lines = [
        f"{made.folder}",
        f"  {manifest.name} {manifest.precision} {manifest.layout}, {made.size_mb:.1f} MB, {how}",
        f"  {manifest.shapes}",
        f"  {_closeness(manifest)} PyTorch f32: {', '.join(manifest.parity.describe() if manifest.parity else ())}",
    ]
    if manifest.compression and (gate := manifest.compression.gate):
        lines.append(f"  {gate.describe()}: {gate.verdict}")
    return lines


def summary_rows(finished: list[Converted]) -> list[dict[str, str]]:
    """Size, time and distance to PyTorch of each artifact."""
    return [
        {
            "artifact": made.folder.name,
            "MB": f"{made.size_mb:.1f}",
            "seconds": f"{made.seconds:.1f}" if made.fresh else "was there",
            **dict(zip(("encoder", "logits", "greedy tokens"), _parity_cells(made.manifest.parity), strict=True)),
        }
        for made in finished
    ]


def _parity_cells(parity: Parity | None) -> list[str]:
    """Distance of the encoder, largest distance of the logits, greedy tokens; dashes where there is no decoder."""
    assert parity is not None  # it was just made
    logits, same = parity.worst_logits, parity.greedy_tokens_equal
    return [
        f"{parity.encoder_relative_l2:.1e}",
        "-" if logits is None else f"{logits:.1e}",
        "-" if same is None else "equal" if same else "different",
    ]


def _closeness(manifest: Manifest) -> str:
    """The relation of an artifact to its checkpoint: equal, or rounded and within the tolerance for that."""
    from ovw.convert.parity import LOSSLESS

    parity = manifest.parity
    assert parity is not None
    if parity.tolerance_encoder <= LOSSLESS.encoder and parity.tolerance_logits <= LOSSLESS.logits:
        return "equal to"
    what = "compressed" if manifest.compression else "weights rounded"
    return f"{what}, within {parity.tolerance_encoder:g} (encoder) and {parity.tolerance_logits:g} (logits) of"
