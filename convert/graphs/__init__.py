"""Whisper's graphs: their parts, frontends, shapes and files."""
