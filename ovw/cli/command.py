"""The command class of every verb: `-v` behind it, underscores for dashes, and options of other Whisper programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ovw.cli.console import log_everything
from ovw.cli.help import GroupedHelp

VERBOSE = ("-v", "--verbose")
TRUE, FALSE = "true", "false"


class _Arguments(GroupedHelp):
    renamed = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        given = dashed(args[:end])
        if self.renamed:
            given = list(from_other_programs(given))
        if any(one in VERBOSE for one in given):
            log_everything()
        parsed: list[str] = super().parse_args(ctx, [one for one in given if one not in VERBOSE] + args[end:])  # type: ignore[misc]
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


def _switch(on: Sequence[str], off: Sequence[str] = ()) -> Translation:
    return lambda value: list(on if value.lower() == TRUE else off)


def _without_meaning(value: str) -> list[str]:
    return []


def _compute_type(value: str) -> list[str]:
    """Arithmetic; the precision of weights is that of the artifact."""
    precision = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}.get(value)
    return ["--inference-precision", precision] if precision else []


def _device(value: str) -> list[str]:
    return ["--device", value.upper() if value.lower() in ("cpu", "gpu", "npu", "auto") else value]


OTHER_NAMES: dict[str, Translation] = {
    "--output-dir": _as("--output"),
    "--output-format": _as("--format"),
    "--model-directory": _as("--model"),
    "--max-line-count": _as("--max-lines"),
    "--max-words-per-line": _as("--max-words"),
    "--compute-type": _compute_type,
    "--device": _device,
    "--vad-onset": _as("--vad-threshold"),
    "--vad-min-speech-duration-ms": _as("--vad-min-speech", 1e-3),
    "--vad-min-silence-duration-ms": _as("--vad-min-silence", 1e-3),
    "--vad-speech-pad-ms": _as("--vad-pad", 1e-3),
    # where weights are kept and what they are computed in is settled by the artifact
    "--model-dir": _without_meaning,
    "--device-index": _without_meaning,
}
STANDALONE = (
    "--word-timestamps",
    "--highlight-words",
    "--carry-initial-prompt",
    "--multilingual",
    "--without-timestamps",
)
SWITCHES: dict[str, Translation] = {
    "--verbose": _switch(["--verbose"], ["--quiet"]),
    "--vad-filter": _switch(["--vad"], ["--no-vad"]),
    "--batched": _switch(["--batch-size", "8"]),
    "--condition-on-previous-text": _switch(["--condition-on-previous-text"], ["--no-condition-on-previous-text"]),
    "--suppress-blank": _switch(["--suppress-blank"], ["--no-suppress-blank"]),
    **{name: _switch([name]) for name in STANDALONE},
    **dict.fromkeys(("--fp16", "--print-colors", "--pretty-json", "--local-files-only"), _without_meaning),
}
"""Options that stand alone here and have `True` or `False` behind them elsewhere."""


def from_other_programs(args: Sequence[str]) -> Iterator[str]:
    """Arguments with the options of openai-whisper and whisper-ctranslate2 as ours; everything else as it is.

    Args:
        args: with dashes in names.

    Raises:
        typer.BadParameter: a duration that is no number.
    """
    left = list(args)
    while left:
        one = left.pop(0)
        name, equals, value = one.partition("=")
        table = next((table for table in (OTHER_NAMES, SWITCHES) if name in table), None)
        follows = value if equals else next(iter(left), "")
        if table is None or (table is SWITCHES and follows.lower() not in (TRUE, FALSE)) or not follows:
            yield one
            continue
        if not equals:
            left.pop(0)
        try:
            yield from table[name](follows)
        except ValueError:
            raise typer.BadParameter(f"'{follows}' is not a number", param_hint=name) from None
