"""Usage reports of the packages below ovw: off, unless `OVW_TELEMETRY=1` allows them.

`import openvino` sends an event with a client id to an analytics service and writes that id below the home folder; NNCF
does the same. Both go without it where their package `openvino_telemetry` cannot be imported.
"""

from __future__ import annotations

import os
import sys

from ovw.switches import is_on

SWITCH = "OVW_TELEMETRY"
PACKAGE = "openvino_telemetry"
OFF = {
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Variables that other packages read; a value that is set already stays."""


def is_allowed() -> bool:
    """Whether the user allows usage reports."""
    return is_on(SWITCH)


def disable_telemetry() -> None:
    """Turn usage reports off in this process and those it starts; call it before OpenVINO is imported."""
    if is_allowed():
        return
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
    if sys.modules.get(PACKAGE) is None:
        # Python's own mark of a package that is not there: importing it raises ImportError
        sys.modules[PACKAGE] = None  # type: ignore[assignment]
    else:
        _decline()


def _decline() -> None:
    """Withdraw consent in a package that the host program has imported before ovw."""
    from openvino_telemetry.utils.opt_in_checker import ConsentCheckResult, OptInChecker

    OptInChecker.check = lambda *_, **__: ConsentCheckResult.DECLINED
    telemetry = sys.modules[PACKAGE].Telemetry
    if (sender := getattr(telemetry, "_SingletonMetaClass__single_instance", None)) is not None:
        sender.consent = False
