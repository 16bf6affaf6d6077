"""Flags that are more than a number: lists, and numbers that may be `none`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ovw.config import NOTHING
from ovw.errors import UsageError, did_you_mean, quoted


def numbers(flag: str, text: str | None, kind: type) -> tuple[Any, ...] | None:
    """`0,0.2` as numbers; nothing at all as an empty list."""
    if text is None:
        return None
    try:
        return tuple(kind(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(
            f"{flag} {quoted(text)} is not a list of numbers", "write them with commas, such as 0,0.2"
        ) from None


def optional(flag: str, text: str | None) -> Any:
    """A number, or `none` to switch off what it controls."""
    if text is None:
        return None
    if text.lower() == "none":
        return NOTHING
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{flag} {quoted(text)} is not a number", "give a number, or none to switch it off") from None


def check_exact(flags: dict[str, Any]) -> None:
    """Refuse flags that contradict `--exact`; a configuration file gives way to it."""
    from ovw.transcribe.exact import EXACTLY

    for key, value in EXACTLY.flags().items():
        if flags.get("exact") and flags.get(key) not in (None, value):
            name = key.replace("_", "-")
            wanted = f"--no-{name}" if value is False else f"--{name} {value}"
            raise UsageError(f"--exact goes with {wanted} only", "leave one of them out")


def temperatures(listed: str | None, increment: str | None) -> tuple[float, ...] | None:
    """The temperatures to try: as listed, or from the one given up to 1 in steps, as openai/whisper's flags mean it."""
    given: tuple[float, ...] | None = numbers("--temperature", listed, float)
    step = optional("--temperature-increment-on-fallback", increment)
    if step is None:
        return given
    if given and len(given) > 1:
        raise UsageError("--temperature is a list already", "leave out --temperature-increment-on-fallback")
    start = given[0] if given else 0.0
    if step is NOTHING:
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
