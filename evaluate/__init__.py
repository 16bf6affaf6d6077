"""`ovw eval`: word error rates that can be cited."""
