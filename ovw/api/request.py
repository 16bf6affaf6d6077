"""Whether a model can do what is asked of it."""

from __future__ import annotations

import logging
from pathlib import Path

from ovw.artifact.manifest import Manifest, show_range
from ovw.errors import OvwError, UsageError
from ovw.models import Capabilities, find_language, sizes
from ovw.transcribe.model_sessions import can_time_words
from ovw.transcribe.options import AUTO, TranscribeOptions

logger = logging.getLogger(__name__)


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


def check_decoder(folder: Path, manifest: Manifest, options: TranscribeOptions) -> None:
    """Refuse what the decoder of an artifact cannot do; warn where it does it less well.

    Args:
        folder: of the artifact.
        manifest: of the artifact.
        options: what is asked for.

    Raises:
        UsageError: words are to be timed, which it cannot, or a token is to be suppressed that it does not have.
        OvwError: more hypotheses of a window are wanted than it takes.
    """
    batch = manifest.shapes.batch
    if 0 <= batch[1] < options.rows:
        name = "beam_size" if options.beam_size == options.rows else "best_of"
        raise OvwError(
            f"the decoder of {folder.name} takes batch {show_range(*batch)}, it was given {options.rows} by {name}",
            f"at most {batch[1]}, or ovw reshape with another --batch",
        )
    if options.word_timestamps and not can_time_words(folder, manifest):
        raise UsageError(
            f"{folder.name} cannot time words: its decoder does not show what it attends to",
            "leave word_timestamps out, or convert with --layout genai --frontend graph",
        )
    if options.word_timestamps and not manifest.alignment_heads:
        logger.warning(
            "%s has no alignment heads: words are timed by the decoder's upper half, which is less exact; "
            "convert it with --size%s to lend it those of its size",
            folder.name,
            _sizes_like(manifest),
        )
    n_vocab = manifest.dims["n_vocab"]
    if beyond := [token for token in options.suppress_tokens if token >= n_vocab]:
        raise UsageError(f"suppress_tokens holds {beyond[0]}, the vocabulary has {n_vocab}", "ids start at 0")


def _sizes_like(manifest: Manifest) -> str:
    """The sizes with the dimensions of an artifact, such as ` base`; empty where there is none."""
    found = [name for name, info in sizes().items() if info.dims == manifest.dimensions()]
    return f" {' or '.join(found)}" if found else ""
