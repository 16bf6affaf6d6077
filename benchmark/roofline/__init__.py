"""What the machine can do at most, and the share of it that a stage reaches."""
