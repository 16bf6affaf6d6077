"""When each word is said: cross attention, dynamic time warping, and words fitted into segments."""
