"""`ovw convert`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ovw.artifact.manifest import Manifest, Parity
    from ovw.convert.config import ConvertConfig
    from ovw.convert.plan import Converted


def run(
    size: Annotated[
        list[str] | None, typer.Option("--size", "-s", help="A Whisper size; may be repeated. See `ovw models`.")
    ] = None,
    fp16: Annotated[bool, typer.Option("--fp16", help="FP16 weights (the default).")] = False,
    fp32: Annotated[bool, typer.Option("--fp32", help="FP32 weights.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="INT8 weights.")] = False,
    precision: Annotated[
        list[str] | None,
        typer.Option(
            help="The same by name: fp32, fp16, int8, int8-ptq (INT8 products in the encoder too) or int4 (weights of "
            "the decoder, for medium and larger); may be repeated."
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="A .pt or ggml .bin file, a Hugging Face or CTranslate2 folder, hf:owner/name[@revision], an OpenAI "
            "name, or random. Default: what the size offers."
        ),
    ] = None,
    layout: Annotated[
        list[str] | None,
        typer.Option(help="File layout: genai (default), stateless, whispercpp or onnx; may be repeated."),
    ] = None,
    frontend: Annotated[
        str | None, typer.Option(help="graph (default: built op by op) or onnx (torch -> ONNX -> IR).")
    ] = None,
    shapes: Annotated[str | None, typer.Option(help="dynamic (default), bounded or static.")] = None,
    batch: Annotated[str | None, typer.Option(help="Rows, such as 1..5 (or 1:5); one number if static.")] = None,
    tokens: Annotated[str | None, typer.Option(help="Tokens in a call of the decoder. Default 1..448.")] = None,
    cache: Annotated[str | None, typer.Option(help="Positions of a cache that is an input. Default 0..448.")] = None,
    frames: Annotated[str | None, typer.Option(help="Mel frames of a window, 100 a second. Default 1..3000.")] = None,
    ggml_name: Annotated[
        list[str] | None,
        typer.Option(help="whispercpp: one more ggml file, such as ggml-base-q5_0.bin, that shall find the encoder."),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            help="int8-ptq: speech to measure activations on, a dataset with its split (librispeech:train-clean-100), "
            "a manifest or a folder of audio. Default: bundled:calibration, five minutes."
        ),
    ] = None,
    gate: Annotated[
        str | None,
        typer.Option(
            help="INT8, INT4: speech with texts to compare with the fp32 IR on, or none. Default: bundled:test, five "
            "minutes."
        ),
    ] = None,
    max_wer_delta: Annotated[
        float | None, typer.Option(help="Points of WER that compressing may cost. Default 0.5.")
    ] = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="Search for the best recipe by size, WER and latency; takes long.")
    ] = False,
    accept_wer: Annotated[bool, typer.Option("--accept-wer", help="Keep an artifact that costs more.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The artifact's folder, or the parent of several. Default: named artifacts."
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="YAML with these options; flags win.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an artifact, once the new one has passed.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Open no connection.")] = False,
    skip_memory_check: Annotated[
        bool, typer.Option("--skip-memory-check", help="Begin even if memory seems too small.")
    ] = False,
    print_config: Annotated[bool, typer.Option("--print-config", help="Show the resolved options and stop.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the folder only.")] = False,
) -> None:
    """Turn a Whisper checkpoint into verified OpenVINO IR.

    The artifact is compared with PyTorch before it is put in place: encoder output, decoder logits with empty, filled
    and reordered cache, and greedy tokens. One that differs is refused, with the figures.
    """
    by_flag = {"fp32": fp32, "fp16": fp16, "int8": int8}
    flags = {
        "size": size or None,
        "precision": [*(name for name, asked in by_flag.items() if asked), *(precision or [])] or None,
        "weights": weights,
        "layout": layout or None,
        "frontend": frontend,
        "shapes": shapes,
        "batch": batch,
        "tokens": tokens,
        "cache": cache,
        "frames": frames,
        "ggml_name": ggml_name or None,
        "calibration": calibration,
        "gate": gate,
        "max_wer_delta": max_wer_delta,
        "tune": tune or None,
        "accept_wer": accept_wer or None,
        "output": output,
        "force": force or None,
        "offline": offline or None,
        "skip_memory_check": skip_memory_check or None,
    }
    from ovw.cli.values import config_file
    from ovw.config import dump_yaml, resolve
    from ovw.convert.config import ConvertConfig

    plan = resolve(ConvertConfig, flags, config_file("convert", config))
    if print_config:
        typer.echo(dump_yaml(plan), nl=False)
        return
    finished: list[Converted] = []
    try:
        for made in convert_with_progress(plan, quiet=quiet):
            _report(made, quiet=quiet)
            finished.append(made)
    finally:
        if len(finished) > 1 and not quiet:
            _sum_up(finished)


def convert_with_progress(plan: ConvertConfig, *, quiet: bool) -> Iterator[Converted]:
    """Convert, showing each step and the bytes of a download; yields each artifact as it is done."""
    from ovw.artifact.layouts import layout_row

    require_convert_extra(
        "onnxruntime" if any(layout_row(name).runtime == "onnxruntime" for name in plan.layout) else "onnx"
    )
    from ovw.cli.console import progress
    from ovw.convert.pipeline import convert
    from ovw.convert.plan import ConvertObserver

    with progress(quiet=quiet) as bars:
        bar = bars.add_task("starting", total=None, note="")

        def on_download(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total or None, note=f"{done / 1e6:.0f} MB")

        observer = ConvertObserver(
            on_step=lambda text: bars.update(bar, description=text, total=None, note=""),
            on_download=on_download,
            on_failure=lambda failure: typer.echo(f"ovw: {failure}", err=True),
        )
        yield from convert(plan, observer)


def convert_size(size: str, precision: str, *, quiet: bool) -> Converted:
    """Convert one named artifact, as `ovw convert --size ... --precision ...` does."""
    from ovw.config import build
    from ovw.convert.config import ConvertConfig

    (made,) = convert_with_progress(build(ConvertConfig, {"size": size, "precision": precision}), quiet=quiet)
    return made


def _report(made: Converted, *, quiet: bool) -> None:
    if quiet:
        typer.echo(str(made.folder))
        return
    how = f"in {made.seconds:.1f} s" if made.fresh else "was there already, its hashes hold"
    manifest = made.manifest
    typer.echo(
        f"{made.folder}\n"
        f"  {manifest.name} {manifest.precision} {manifest.layout}, {made.size_mb:.1f} MB, {how}\n"
        f"  {manifest.shapes}\n"
        f"  {_closeness(manifest)} PyTorch f32: {', '.join(manifest.parity.describe() if manifest.parity else ())}"
    )
    if manifest.compression and (gate := manifest.compression.gate):
        typer.echo(f"  {gate.describe()}: {gate.verdict}")


def _sum_up(finished: list[Converted]) -> None:
    """A line for each artifact, also of a run that ends early."""
    from ovw.terminal import output_console, print_rows

    rows = [
        {
            "artifact": made.folder.name,
            "MB": f"{made.size_mb:.1f}",
            "seconds": f"{made.seconds:.1f}" if made.fresh else "was there",
            **dict(zip(("encoder", "logits", "greedy tokens"), _parity_cells(made.manifest.parity), strict=True)),
        }
        for made in finished
    ]
    print_rows(output_console(), rows)


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


def require_convert_extra(*more: str) -> None:
    """Report packages that are missing on a machine that only runs artifacts."""
    from importlib.util import find_spec

    from ovw.errors import OvwError

    needed = ("torch", "whisper", "transformers", "openvino_tokenizers", *more)
    if missing := [name for name in needed if find_spec(name) is None]:
        raise OvwError(f"converting needs {', '.join(missing)}", "pip install 'ovw[convert]'")
