"""The shared runner: media to timed segments, with openai/whisper's own semantics."""
