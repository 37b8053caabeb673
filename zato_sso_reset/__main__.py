"""The console script `zato`, also `python -m zato_sso_reset`."""

import signal


def main() -> None:
    """Run the `zato` program with the arguments of the process."""
    # Until Click can print "Aborted.", Ctrl-C ends the process without a traceback.
    raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if raises:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from zato_sso_reset.host.program import zato

    if raises:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    zato(prog_name="zato")


if __name__ == "__main__":
    main()
