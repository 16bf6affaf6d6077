"""Speech with reference texts from any source, one utterance at a time."""
