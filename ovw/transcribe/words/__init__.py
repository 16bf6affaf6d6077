"""Word timestamps: cross attention, dynamic time warping, and words fitted into segments."""
