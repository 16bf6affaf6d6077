"""`ovw` and `python -m ovw`."""

import signal


def main() -> None:
    """Run the command line; Ctrl-C while it is being imported ends the process at once, without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ovw.cli.app import run

    run()


if __name__ == "__main__":
    main()
