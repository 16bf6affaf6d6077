"""The front door from Python: a loaded model, and what it transcribed."""
