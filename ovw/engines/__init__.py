"""Runtimes beside OpenVINO, behind the same session interface."""
