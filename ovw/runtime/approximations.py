"""The approximations that make the runner fast, each of which can be switched off."""

from __future__ import annotations

from collections.abc import Iterable

from ovw.config import Config


class Approximations(Config):
    """Which approximations are in use.

    Each was chosen on some models and some speech; an artifact's manifest holds what it costs there, see
    `ovw.transcribe.checks.licence`.
    """

    merged_padding: bool = True
    """The silence behind speech in a few weighted positions, see `ovw.runtime.fast.context`."""
    token_merging: bool = True
    """Neighbouring positions that are alike as one, see `ovw.runtime.fast.merging`."""
    int8_attention: bool = True
    """Keys and values of the audio in int8, see `ovw.runtime.fast.attention`."""
    grouped_scales: bool = True
    """128 activations share a scale in products with int8 weights, instead of OpenVINO's 32."""
    unsure_search: bool = True
    """In a batch, unsure windows decoded in the other way too: with a small beam search, or without the search."""

    def without(self, names: Iterable[str]) -> Approximations:
        """These with some switched off."""
        return self.model_copy(update=dict.fromkeys(names, False))

    def in_use(self) -> list[str]:
        """Names of those in use."""
        return [name for name, used in self if used]


ALL = Approximations()
NONE = ALL.without(Approximations.model_fields)
