"""Configuration: frozen pydantic models, filled from defaults, then YAML, then flags."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from ovw.errors import UsageError, did_you_mean, quoted, reason
from ovw.parsing import YAML_BYTES, from_yaml
from ovw.text_files import read_text

C = TypeVar("C", bound="Config")
UserPath = Annotated[str, AfterValidator(os.path.expanduser)]
"""A path whose `~` is somebody's home."""
LISTED = 20
"""Problems of a validation in a message."""
SINGULAR = {"models": "model", "engines": "engine"}
"""Keys whose option has another name."""
QUOTES = "YAML reads no, off, yes and on as false and true: put a text of these letters in quotes"
MAPPING = "a configuration is lines of `key: value`; --print-config shows one"


class Config(BaseModel):
    """Base of every configuration: frozen, no unknown keys, a docstring a field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def part(self, cls: type[C]) -> C:
        """The fields of one of the configurations that this one is made of; those left at its defaults stay unset."""
        values = {name: getattr(self, name) for name in cls.model_fields}
        return cls(
            **{
                name: value
                for name, value in values.items()
                if name in self.model_fields_set or value != cls.model_fields[name].default
            }
        )

    @classmethod
    def not_overruled(cls, stored: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a file that flags leave as they are."""
        return {key: value for key, value in stored.items() if key not in flags}


def resolve(cls: type[C], flags: Mapping[str, Any], file: Path | None = None) -> C:
    """Build a configuration from defaults, a YAML file and flags, the later winning.

    Args:
        cls: the configuration to build.
        flags: values given on the command line.
        file: a YAML file with keys of `cls`.

    Raises:
        UsageError: an unreadable file, an unknown key (with the closest known one) or a value out of range.
    """
    stored = cls.not_overruled(read_yaml(file), flags) if file else {}
    return build(cls, stored | dict(flags), f" in {file}" if file else "", stored)


def build(cls: type[C], values: Mapping[str, Any], where: str = "", stored: Collection[str] | None = None) -> C:
    """A configuration from exactly these values; a wrong key or value is reported in one line.

    Args:
        cls: the configuration to build.
        values: by key.
        where: they are from, for the message.
        stored: keys of those that are from there; all by default.

    Raises:
        UsageError: an unknown key (with the closest known one) or a value out of range.
    """
    if unknown := [key for key in values if key not in cls.model_fields]:
        raise UsageError(f"unknown key {quoted(unknown[0])}{where}", did_you_mean(unknown[0], cls.model_fields))
    if broken := [key for key, value in values.items() if _has_nul(value)]:
        raise UsageError(f"{broken[0]}{where} has a NUL character in it", "leave it out")
    try:
        return cls(**values)
    except UsageError as error:  # of a validator
        from_there = {key: value for key, value in values.items() if stored is None or key in stored}
        place = where if _fails_alike(cls, from_there, error) else ""
        raise UsageError(f"{error.message}{place}", error.hint) from None
    except ValidationError as error:
        wrong = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
        if stored is not None and wrong and wrong.isdisjoint(stored):  # all of them flags
            raise UsageError(explain(error, flags=True), "--help lists the options") from None
        raise UsageError(f"bad configuration{where}: {explain(error)}", _hint(error)) from None


def _fails_alike(cls: type[Config], values: Mapping[str, Any], error: UsageError) -> bool:
    """Whether these values alone are refused for this reason."""
    try:
        cls(**values)
    except (UsageError, ValidationError) as found:
        return str(found) == str(error)
    return False


def _hint(error: ValidationError) -> str:
    is_text_without_quotes = any(p["type"] == "string_type" and isinstance(p["input"], bool) for p in error.errors())
    return QUOTES if is_text_without_quotes else "--help lists the options"


def _has_nul(value: Any) -> bool:
    """Whether a text, alone or in a list, could not be a path: the system ends them at NUL."""
    texts = value if isinstance(value, list | tuple) else (value,)
    return any(isinstance(text, str) and "\0" in text for text in texts)


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping a YAML file holds.

    Raises:
        UsageError: no such file, not YAML, or not a mapping.
    """
    try:
        if file.stat().st_size > 4 * YAML_BYTES:  # not read first
            raise ValueError(f"{file.stat().st_size} bytes, a configuration has at most {YAML_BYTES}")
        data = from_yaml(read_text(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the configuration {file}: {reason(error)}", "check the path") from None
    except ValueError as error:
        raise UsageError(f"{file} is not YAML: {error}", MAPPING) from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UsageError(f"{file} holds a {type(data).__name__}", MAPPING)
    return {str(key): value for key, value in data.items()}


def explain(error: ValidationError, *, flags: bool = False) -> str:
    """All problems of a validation in one line: key, what was seen, what is allowed.

    Args:
        error: of the validation.
        flags: whether the values were given on a command line, whose names are shown then.
    """
    parts = []
    for problem in error.errors():
        key = ".".join(str(p) for p in problem["loc"])
        reason = problem["msg"].removeprefix("Value error, ")
        if flags and key:
            allowed = reason.removeprefix("Input ")
            parts.append(f"{_flag(str(problem['loc'][0]))} {quoted(problem['input'])}: {allowed}")
        else:
            parts.append(f"{key} = {quoted(problem['input'])}: {reason}" if key else reason)
    more = f"; and {len(parts) - LISTED} more" if len(parts) > LISTED else ""
    return "; ".join(parts[:LISTED]) + more


def _flag(key: str) -> str:
    """The option that sets a key; those that may be repeated are called by one of their values."""
    return f"--{SINGULAR.get(key, key).replace('_', '-')}"


def as_list(value: Any) -> Any:
    """A lone word where a list is wanted, as a list of one."""
    return [value] if isinstance(value, str) else value


def as_values(value: Any) -> Any:
    """A lone value where a list is wanted, as a list of one; `a,b` as a list of two."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value if isinstance(value, list | tuple) else [value]


def dump_yaml(config: Config) -> str:
    """The resolved configuration as YAML, in field order."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
