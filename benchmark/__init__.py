"""`ovw bench`: how fast, how large, and how far from what the machine allows."""
