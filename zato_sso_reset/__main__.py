"""The console scripts `zato` and `zato-sso-reset`, also `python -m zato_sso_reset`."""

import os
import signal
import sys

SCRIPTS = ("zato", "zato-sso-reset")


def main() -> None:
    """Run the `zato` program with the arguments of the process."""
    # Until Click can print "Aborted.", Ctrl-C ends the process without a traceback.
    raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if raises:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from zato_sso_reset.host.program import zato

    if raises:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    called = os.path.basename(sys.argv[0])  # noqa: PTH119 pathlib is not imported yet
    zato(prog_name=called if called in SCRIPTS else "zato")


if __name__ == "__main__":
    main()
