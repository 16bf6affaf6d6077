"""The command class of every verb: `-v` behind it, underscores for dashes, and options of other Whisper programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ovw.cli.console import log_everything
from ovw.cli.help import GroupedHelp
from ovw.errors import UsageError

TRUE, FALSE, NONE = "true", "false", "none"


def _log(context: typer.Context, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        log_everything()


@cache
def _verbose() -> Any:
    """`-v` as an option that every verb has, without a parameter of its function."""
    alone = typer.Typer(add_completion=False)
    alone.command()(_with_verbose)
    return typer.main.get_command(alone).params[0]


def _with_verbose(
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", is_eager=True, expose_value=False, callback=_log, help="Log what happens, to stderr."
        ),
    ] = False,
) -> None: ...


class _Arguments(GroupedHelp):
    renamed = False

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of a verb, `-v`, and `--help`."""
        own = len(self.params)  # type: ignore[attr-defined]
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        return [*found[:own], _verbose(), *found[own:]]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        given = dashed(args[:end])
        if self.renamed and not ctx.resilient_parsing:
            given = list(from_other_programs(given))
        parsed: list[str] = super().parse_args(ctx, given + args[end:])  # type: ignore[misc]
        return parsed


class Verb(_Arguments, TyperCommand):
    """A verb."""


class VerbGroup(_Arguments, TyperGroup):
    """A verb with others below it."""


class RenamedVerb(Verb):
    """A verb in the place of `whisper` and `whisper-ctranslate2`, whose options it also takes."""

    renamed = True


def dashed(args: Sequence[str]) -> list[str]:
    """Names of long options with dashes for underscores; their values are left alone."""
    found = []
    for one in args:
        name, equals, value = one.partition("=")
        found.append(name.replace("_", "-") + equals + value if one.startswith("--") else one)
    return found


Translation = Callable[[str], list[str]]
"""From the value of another program's option to options of ours."""


def _as(name: str, scale: float = 1.0) -> Translation:
    """Another name, maybe in another unit."""
    return lambda value: [name, value if scale == 1 else f"{float(value) * scale:g}"]


def _but_none(name: str, none: Sequence[str] = ()) -> Translation:
    """Ours takes no `None`, which is the default elsewhere, or has a number for it."""
    return lambda value: list(none) if value.lower() == NONE else [name, value]


def _switch(on: Sequence[str], off: Sequence[str] = ()) -> Translation:
    return lambda value: list(on if value.lower() == TRUE else off)


def _without_meaning(value: str) -> list[str]:
    return []


def _compute_type(value: str) -> list[str]:
    """Arithmetic; the precision of weights is that of the artifact."""
    precision = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}.get(value)
    return ["--inference-precision", precision] if precision else []


def _refused(name: str, reason: str, instead: str) -> Translation:
    """An option that has no counterpart, unless it is switched off."""

    def refuse(value: str) -> list[str]:
        if value.lower() == FALSE:
            return []
        raise UsageError(f"{name}: {reason}", instead)

    return refuse


def _device(value: str) -> list[str]:
    if value.lower().startswith("cuda"):
        raise UsageError(f"--device {value}: OpenVINO does not run on CUDA", "give CPU, GPU (Intel's), NPU or AUTO")
    return ["--device", value.upper() if value.lower() in ("cpu", "gpu", "npu", "auto") else value]


MICROPHONE = (
    "there is no option for the microphone",
    "pipe it in: arecord -f S16_LE -r 16000 -t raw | ovw transcribe - --pcm s16le",
)
SPEAKERS = ("speakers are not labelled", "--channel each transcribes the channels of a recording apart")
NONE_MEANS_DEFAULT = (
    "--language",
    "--patience",
    "--length-penalty",
    "--max-line-width",
    "--max-new-tokens",
    "--hallucination-silence-threshold",
)
OTHER_NAMES: dict[str, Translation] = {
    "--output-dir": _as("--output"),
    "--output-format": _as("--format"),
    "--model-directory": _as("--model"),
    "--max-line-count": _but_none("--max-lines"),
    "--max-words-per-line": _but_none("--max-words"),
    "--compute-type": _compute_type,
    "--device": _device,
    "--vad-onset": _as("--vad-threshold"),
    "--vad-min-speech-duration-ms": _as("--vad-min-speech", 1e-3),
    "--vad-min-silence-duration-ms": _as("--vad-min-silence", 1e-3),
    "--vad-speech-pad-ms": _as("--vad-pad", 1e-3),
    # where weights are kept and what they are computed in is settled by the artifact
    "--model-dir": _without_meaning,
    "--device-index": _without_meaning,
    "--beam-size": _but_none("--beam-size", ["--beam-size", "1"]),
    "--best-of": _but_none("--best-of", ["--best-of", "1"]),
    **{name: _but_none(name) for name in NONE_MEANS_DEFAULT},
    **{name: _refused(name, *MICROPHONE) for name in ("--live-volume-threshold", "--live-input-device")},
    **{name: _refused(name, *SPEAKERS) for name in ("--hf-token", "--speaker-name", "--speaker-num")},
    "--vad-max-speech-duration-s": _refused(
        "--vad-max-speech-duration-s", "speech is cut at pauses", "limit windows with --batch-size and --chunk-length"
    ),
    "--vad-offset": _refused("--vad-offset", "one threshold begins and ends speech", "give --vad-threshold alone"),
}
STANDALONE = (
    "--word-timestamps",
    "--highlight-words",
    "--carry-initial-prompt",
    "--multilingual",
    "--without-timestamps",
    "--condition-on-previous-text",
    "--suppress-blank",
)
THEIRS: dict[str, Translation] = {
    "--vad-filter": _switch(["--vad"], ["--no-vad"]),
    "--batched": _switch(["--batch-size", "8"]),
    "--live-transcribe": _refused("--live-transcribe", *MICROPHONE),
    "--version": _refused("--version", "the version is that of the whole program", "ovw --version prints it"),
    "--local-files-only": _switch(["--offline"]),
    **dict.fromkeys(("--fp16", "--print-colors", "--pretty-json"), _without_meaning),
}
"""Switches that are not ours: they may also stand alone."""
SWITCHES: dict[str, Translation] = {
    "--verbose": _switch([], ["--quiet"]),  # a terminal shows the segments anyway
    **{name: _switch([name], [name.replace("--", "--no-")]) for name in STANDALONE},
    **THEIRS,
}
"""Options that stand alone here and have `True` or `False` behind them elsewhere."""
TRANSLATIONS = OTHER_NAMES | SWITCHES


def from_other_programs(args: Sequence[str]) -> Iterator[str]:
    """Arguments with the options of openai-whisper and whisper-ctranslate2 as ours; everything else as it is.

    Args:
        args: with dashes in names.

    Raises:
        typer.BadParameter: a duration that is no number.
        UsageError: an option that has no counterpart here.
    """
    translations = dict(TRANSLATIONS)
    if any(one.partition("=")[0] == "--batch-size" for one in args):
        translations["--batched"] = _without_meaning  # a switch, which a size of its own goes before
    left = list(args)
    while left:
        one = left.pop(0)
        name, equals, value = one.partition("=")
        follows = value if equals else next(iter(left), "")
        has_value = follows.lower() in (TRUE, FALSE) if name in SWITCHES else bool(follows)
        if name in THEIRS and not has_value:
            yield from _translated(translations[name], name, TRUE)
        elif name in translations and has_value:
            if not equals:
                left.pop(0)
            yield from _translated(translations[name], name, follows)
        else:
            yield one


def _translated(translation: Translation, name: str, value: str) -> list[str]:
    try:
        return translation(value)
    except ValueError:
        raise typer.BadParameter(f"'{value}' is not a number", param_hint=name) from None
