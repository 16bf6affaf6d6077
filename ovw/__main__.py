"""`python -m ovw`."""

from ovw.cli.app import main

main()
