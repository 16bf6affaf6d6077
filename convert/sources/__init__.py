"""Where checkpoints come from, one module a format; all become one `Checkpoint`."""
