"""The request that a run's hypotheses depend on, and its folder."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ovw.engines.registry import EngineSpec
from ovw.environment import read_environment
from ovw.evaluate.config import EvalConfig
from ovw.files import short_name
from ovw.home import home, real_path, user_path
from ovw.text_files import escaped_values

WITHOUT_INFLUENCE = {
    "output", "format", "reference", "strict", "force", "interval", "draws", "worst", "score_silence", "workers",
    "ray", "model",
}  # fmt: skip
"""Fields that a hypothesis does not depend on; the model is identified by its hash instead of its name."""


OWN_PACKAGES = ("ovw", "openvino")
"""Packages that the texts and the times of ovw's own runner depend on."""
PACKAGES = (*OWN_PACKAGES, "torch", "openai-whisper")
"""And those of other engines."""


def request_of(config: EvalConfig, spec: EngineSpec, model_sha256: str) -> dict[str, Any]:
    """Everything that the hypotheses and their times depend on; a run is taken up only by the same request."""
    fields = config.model_dump(mode="json", exclude=WITHOUT_INFLUENCE)
    places = {key: _resolved(fields[key]) for key in ("dataset", "data") if fields[key]}
    here = read_environment()
    wanted = OWN_PACKAGES if spec.name == "openvino" else PACKAGES
    packages = {name: version for name, version in here.packages.items() if name in wanted}
    request = {"engine": spec.name, "model_sha256": model_sha256, **fields, **places, "cpu": here.cpu, **packages}
    return dict(escaped_values(request))


def _resolved(place: str) -> str:
    """A file or folder by its whole path, the name of a dataset as it is."""
    path = user_path(place)
    return str(real_path(path)) if path.exists() else place


def default_output(model: str, dataset: str, request: dict[str, Any]) -> Path:
    """A folder of its own for each request, so that the same request resumes its run."""
    key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:8]
    name = re.sub(r"[^\w.+-]+", "-", f"{dataset}-{model}").strip("-.")
    return home() / "evals" / f"{short_name(name)}-{key}"
