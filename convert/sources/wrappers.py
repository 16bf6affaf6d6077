"""Wrappers of trainers around a state dict: prefixes of their classes, LoRA layers, adapters beside a base."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovw.errors import QUOTED, OvwError, quoted

Arrays = dict[str, NDArray[np.floating]]
PREFIXES = ("module.", "_orig_mod.", "base_model.model.", "_fsdp_wrapped_module.", "_forward_module.", "whisper.")
"""Of DataParallel, torch.compile, PEFT, FSDP, Lightning's Fabric, and classes that keep the model in a field."""
INNER = ("._orig_mod", "._fsdp_wrapped_module", "._checkpoint_wrapped_module", ".base_layer")
"""Wrappers within names."""
SAVED = re.compile(r"\.modules_to_save(\.\w+)?\.(?=weight$|bias$)")
ORIGINAL = ".original_module."
LORA = re.compile(r"(.+)\.lora_(embedding_)?([AB])(?:\.(?!weight$|bias$)\w+)?(?:\.weight)?")
LONGEST_PATTERN, MOST_REPEATS = 200, 3
REPEATED_GROUP = re.compile(r"\)[*+?{]")
"""A repeated group in a pattern, whose repetitions multiply."""
ADAPTED = ".lora_"
REBASED = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Ways of beginning an adapter (peft's `init_lora_weights`) that change the base: what was trained fits that only."""
OTHER_FORMS = ("alora_invocation_tokens", "use_bdlora", "use_qalora", "layer_replication")
"""Keys of adapters that are more than `W + B A`."""
ANCHOR = "encoder.conv1.weight"
"""Every Whisper has one; what stands before it is the prefix of any other wrapper."""


def unwrap(tensors: Mapping[str, NDArray[np.floating]]) -> Arrays:
    """Tensors under the names that the model itself gives them; those of adapters stay, to be merged."""
    found = {_bare(name): value for name, value in tensors.items() if ORIGINAL not in name}
    anchors = [name for name in found if name.endswith(ANCHOR)]
    if len(anchors) != 1:
        return found
    prefix = anchors[0].removesuffix(ANCHOR)
    outer = prefix.removesuffix("model.")  # where the output projection is
    return {
        name.removeprefix(prefix) if name.startswith(prefix) else name.removeprefix(outer): found[name]
        for name in found
    }


def _bare(name: str) -> str:
    while prefix := next((prefix for prefix in PREFIXES if name.startswith(prefix)), ""):
        name = name.removeprefix(prefix)
    for inner in INNER:
        name = name.replace(inner, "")
    return SAVED.sub(".", name)


def merge_adapter(base: Arrays, adapter: Arrays, config: Mapping[str, Any] | None, where: str) -> Arrays:
    """A base with its LoRA adapter added, `W + B A alpha / r` (Hu et al., 2021).

    Args:
        base: tensors under the model's own names.
        adapter: those of the adapter, and whole tensors that it replaces, under the same names.
        config: `adapter_config.json`; `None` if there is none.
        where: the adapter is, for messages.

    Raises:
        OvwError: no configuration, another kind of adapter, or parts that do not belong to the base.
    """
    if config is None:
        raise OvwError(
            f"{where} has LoRA layers, whose scale stands in adapter_config.json, which is missing",
            "put adapter_config.json beside it, or merge the adapter (peft: merge_and_unload) and save that",
        )
    _check_kind(config, adapter, where)
    pairs: dict[str, dict[str, NDArray[np.floating]]] = {}
    merged = dict(base)
    for name, value in adapter.items():
        if match := LORA.fullmatch(name):
            module, embedding, part = match.groups()
            pairs.setdefault(f"{module}.weight", {})[(embedding or "") + part] = value
        else:
            merged[name] = value
    odd = [name for name in {**pairs, **adapter} if ADAPTED not in name and name not in base]
    odd += [name for name, parts in pairs.items() if len(parts) != 2]
    if odd:
        raise OvwError(
            f"{where} adapts {odd[0]} and {len(odd) - 1} more that the base does not hold whole; the base has "
            f"{', '.join(sorted(base)[:2])} and so on",
            f"give the base it was trained on: {config.get('base_model_name_or_path', 'unknown')}",
        )
    for name, parts in pairs.items():
        merged[name] = _added(name, base[name], parts, _scale(name, parts, config))
    return merged


def _check_kind(config: Mapping[str, Any], adapter: Arrays, where: str) -> None:
    kind = config.get("peft_type", "LORA")
    if config.get("use_dora") or any("lora_magnitude_vector" in name for name in adapter):
        kind = "DoRA"
    begun = str(config.get("init_lora_weights")).lower()
    if begun.startswith(REBASED):
        raise OvwError(
            f"{where} began as {begun[:QUOTED]}, which changes the weights that it is added to",
            "merge it with peft (merge_and_unload) and save the model, or convert it to plain LoRA there",
        )
    if kind == "LORA" and (odd := [key for key in OTHER_FORMS if config.get(key)]):
        kind = f"LoRA with {odd[0]}"
    if kind != "LORA":
        raise OvwError(
            f"{where} is an adapter of type {str(kind)[:QUOTED]}, only plain LoRA is merged here",
            "merge it with peft (merge_and_unload) and save the model",
        )


def _scale(name: str, parts: Mapping[str, NDArray[np.floating]], config: Mapping[str, Any]) -> float:
    """`alpha / r`, or `alpha / sqrt(r)` of a rank-stabilised adapter; the rank is that of the tensors."""
    rank = next(value.shape[0] for part, value in parts.items() if part.endswith("A"))
    module = name.removesuffix(".weight")
    patterns = config.get("alpha_pattern") or {}
    own = next((alpha for pattern, alpha in patterns.items() if _matches(pattern, module)), None)
    alpha = own if own is not None else config.get("lora_alpha", 8)  # peft's default
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _matches(pattern: str, module: str) -> bool:
    """Whether a name, or a pattern as peft takes them, is that of a module or of the end of its path.

    Raises:
        ValueError: a pattern whose search could take for ever, or none.
    """
    if (
        len(pattern) > LONGEST_PATTERN
        or sum(map(pattern.count, "*+?{")) > MOST_REPEATS
        or REPEATED_GROUP.search(pattern)
    ):
        raise ValueError(f"alpha_pattern has {quoted(pattern)}, which is more than names and a few wildcards")
    try:
        return re.fullmatch(rf"(.*\.)?({pattern})", module) is not None
    except re.error as error:
        raise ValueError(f"alpha_pattern has {quoted(pattern)}: {error}") from None


def _added(
    name: str, weight: NDArray[np.floating], parts: Mapping[str, NDArray[np.floating]], scale: float
) -> NDArray[np.floating]:
    """A weight with `B A` added; a convolution's kernel is in A, an embedding's product is transposed.

    Raises:
        OvwError: the parts do not fit the weight.
    """
    embedding = "embedding_A" in parts
    first, second = (parts[f"{'embedding_' if embedding else ''}{part}"].astype(np.float32) for part in "AB")
    a, b = first.reshape(len(first), -1), second.reshape(len(second), -1)
    if b.shape[1] != len(a) or len(b) * a.shape[1] != weight.size:
        shapes = f"A {list(first.shape)}, B {list(second.shape)}"
        raise OvwError(f"the adapter of {name} ({shapes}) does not fit {list(weight.shape)}", "give its own base")
    change = (b @ a).T if embedding else (b @ a).reshape(weight.shape)
    return np.asarray(weight.astype(np.float32) + np.float32(scale) * change, np.float32)
