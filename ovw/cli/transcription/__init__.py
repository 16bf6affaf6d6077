"""`ovw transcribe`: configuration, one file after another, or many workers."""
