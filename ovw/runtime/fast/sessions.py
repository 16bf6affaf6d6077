"""The fast graphs as sessions."""

from __future__ import annotations
