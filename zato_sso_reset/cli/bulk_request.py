"""The arguments of a reset of many users' passwords."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from zato_sso_reset.cli.request import Request


@dataclass(frozen=True, kw_only=True)
class BulkRequest(Request):
    """The arguments and options of the command."""

    users_from: BinaryIO | None
    all_users: bool
    exclude: tuple[str, ...]
    output_file: Path
    jobs: int | None
    skip_missing: bool
    yes: bool
    no_progress: bool
    resume: bool
    deliver_to: str | None

    @property
    def to_stdout(self) -> bool:
        """Whether the passwords go to stdout."""
        return str(self.output_file) == "-"

    @property
    def reset_options(self) -> dict[str, Any]:
        """The options of the service; by default, each core that this process may use has a job."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return {
            "expiry": self.expiry,
            "must_change": self.must_change,
            "access": self.access,
            "jobs": self.jobs or cores,
            "skip_missing": self.skip_missing or self.all_users,
            "dry_run": self.dry_run,
        }

    @property
    def how_to_continue(self) -> str:
        """The hint for an interrupted run."""
        if self.deliver_to:
            return (
                "Run the command again with --resume. Of a user's delivered passwords, the last one counts."
            )
        return f"Run the command again {'for the other users' if self.to_stdout else 'with --resume'}."

    def check_usage(self) -> None:
        """Raise UsageError if the options do not go together."""
        if (self.users_from is not None) == self.all_users or (self.exclude and self.users_from):
            message = "Use either --users-from FILE, or --all with any number of --exclude USERNAME."
            raise click.UsageError(message)
        if self.resume and self.to_stdout:
            raise click.UsageError("--resume continues a file, but --output-file is stdout.")
        if self.deliver_to and self.to_stdout:
            raise click.UsageError("With --deliver-to, --output-file is a record, which can't go to stdout.")
        if not (self.yes or self.dry_run or (sys.stdin and sys.stdin.isatty())):
            raise click.UsageError("There is no terminal to ask on. Add --yes.")
