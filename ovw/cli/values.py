"""Options of a command line as values of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ovw.errors import UsageError, did_you_mean, quoted

if TYPE_CHECKING:
    from ovw.config import Config

Reader = Callable[[str, str], Any]
"""From a flag, for messages, and its text to a value."""


def given(
    context: typer.Context, config: type[Config], readers: Mapping[str, Reader] | None = None, **renamed: str
) -> dict[str, Any]:
    """The options of a configuration that stand on the command line, by its keys; `None` and `False` are values too.

    Args:
        context: of the verb.
        config: has the keys; other options of the verb are left out.
        readers: of texts that stand for other values, by key.
        renamed: parameter of the verb = key, where they differ.
    """
    found = {}
    for name, value in context.params.items():
        key = renamed.get(name, name)
        if key in config.model_fields and was_given(context, name):
            read = (readers or {}).get(key)
            found[key] = read(f"--{name.replace('_', '-')}", value) if read else value
    return found


def was_given(context: typer.Context, name: str) -> bool:
    """Whether a parameter of a verb has another source than its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP")


def floats(flag: str, text: str) -> tuple[float, ...]:
    """`0,0.2` as numbers; nothing at all as an empty list."""
    return _numbers(flag, text, float)


def integers(flag: str, text: str) -> tuple[int, ...]:
    """`1,2` as numbers; nothing at all as an empty list."""
    return _numbers(flag, text, int)


def _numbers(flag: str, text: str, kind: Callable[[str], Any]) -> tuple[Any, ...]:
    try:
        return tuple(kind(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(
            f"{flag} {quoted(text)} is not a list of numbers", "write them with commas, such as 0,0.2"
        ) from None


def optional(flag: str, text: str) -> float | None:
    """A number, or `None` for `none`, which switches off what it controls."""
    if text.lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{flag} {quoted(text)} is not a number", "give a number, or none to switch it off") from None


def check_exact(flags: dict[str, Any]) -> None:
    """Refuse flags that contradict `--exact`, or `exact: true` of a file; its other keys give way to that."""
    from ovw.transcribe.exact import EXACTLY

    if flags.get("exact") and (key := EXACTLY.contradicted(flags)):
        name, value = key.replace("_", "-"), EXACTLY.flags()[key]
        wanted = f"--no-{name}" if value is False else f"--{name} {value}"
        raise UsageError(f"--exact goes with {wanted} only", "leave one of them out")


def temperatures(listed: str | None, increment: str | None) -> tuple[float, ...] | None:
    """The temperatures to try: as listed, or from the one given up to 1 in steps, as openai/whisper's flags mean it."""
    chosen = None if listed is None else floats("--temperature", listed)
    if increment is None:
        return chosen
    step = optional("--temperature-increment-on-fallback", increment)
    if chosen and len(chosen) > 1:
        raise UsageError("--temperature is a list already", "leave out --temperature-increment-on-fallback")
    start = chosen[0] if chosen else 0.0
    if step is None:
        return (start,)
    if not step > 0:
        raise UsageError(f"--temperature-increment-on-fallback {step}: not above 0", "none means no fallback")
    return tuple(round(start + i * step, 6) for i in range(int((1.0 - start + 1e-6) / step) + 1)) or (start,)


def config_file(verb: str, name: str | Path | None) -> Path | None:
    """A configuration file: a path, or one of those that ship for a verb, by its name.

    Raises:
        UsageError: neither.
    """
    from importlib.resources import files

    if name is None or Path(name).suffix in (".yaml", ".yml") or Path(name).is_file():
        return None if name is None else Path(name)
    folder = files("ovw.configs").joinpath(verb)
    ours = {Path(entry.name).stem: Path(str(entry)) for entry in folder.iterdir()} if folder.is_dir() else {}
    if str(name) not in ours:
        known = f"{did_you_mean(str(name), sorted(ours))}, or a .yaml file" if ours else "give a .yaml file"
        raise UsageError(f"no configuration '{name}'", known)
    return ours[str(name)]
