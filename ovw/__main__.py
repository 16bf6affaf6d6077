"""`python -m ovw`."""

from ovw.cli.app import run

run()
