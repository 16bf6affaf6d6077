"""Whether a model can do what is asked of it."""

from __future__ import annotations

from ovw.errors import UsageError
from ovw.models import Capabilities, find_language
from ovw.transcribe.options import AUTO, TranscribeOptions


def check_request(name: str, capabilities: Capabilities, options: TranscribeOptions) -> str | None:
    """Refuse what a model cannot do, before any work.

    Args:
        name: of the model, for the message.
        capabilities: of the model.
        options: what is asked for.

    Returns:
        The language code to use, or `None` when it has to be detected.

    Raises:
        UsageError: a language the model does not know, or a translation it was not trained for.
    """
    if options.task == "translate" and not capabilities.translate:
        raise UsageError(
            f"{name} cannot translate: it was not trained to",
            "use a multilingual size such as base, medium or large-v3",
        )
    known = capabilities.languages
    if options.language is None or options.language.lower() == AUTO:
        return known[0] if len(known) == 1 else None
    code = find_language(options.language)
    if code not in known:
        listed = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
        hint = "use a multilingual size such as base" if len(known) == 1 else "large-v3 knows the most languages"
        raise UsageError(f"{name} does not know the language '{code}': it knows {listed}", hint)
    return code
