"""`zato sso change-user-password`."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from zato_sso_reset.cli import options
from zato_sso_reset.cli.audited import AuditedCommand
from zato_sso_reset.signals import interruptible

if TYPE_CHECKING:
    from zato_sso_reset.audit.trail import Audit
    from zato_sso_reset.cli.report import Report

MAX_INPUT = 4096
"""Bytes of stdin. Stock Zato takes passwords of at most 256 characters."""

_NOT_TO_BE_TYPED = "The password has a line end or control character, or is not UTF-8."


class _DiscreetCommand(AuditedCommand):
    """A command whose unknown arguments are not shown: one of them may be the password."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and tell of what is not understood without a word of it."""
        try:
            return super().parse_args(ctx, args)
        except (click.BadParameter, click.BadOptionUsage):
            raise  # these name the parameter, or show what is none of a password
        except click.UsageError as error:
            near = " or ".join(f"`{option}`" for option in getattr(error, "possibilities", None) or ())
        raise click.UsageError(
            "There is an unknown option, or an argument too many. It is not shown, as it may be the password."
            + (f" Did you mean {near}?" if near else " A username that begins with `-` goes after `--`."),
            ctx,
        )


@click.command("change-user-password", cls=_DiscreetCommand)
@options.one_user("text", "json")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, which is one line.")
@click.option(
    "--password",
    metavar="PASSWORD",
    help="The password; other users of this machine can see it. For scripts written for the stock command.",
)
@click.pass_obj
def change_user_password(
    audit: "Audit", /, *, password_stdin: bool, password: str | None, **given: Any
) -> None:
    """Change a user's password to one of your choice.

    PATH is the directory of a Zato server, which may be running or not. The password is asked for, twice,
    and not shown; or read from stdin. It must be one that the server's password policy takes.
    """
    if password_stdin and password is not None:
        raise click.UsageError("Give one of --password-stdin and --password.")
    if not (password_stdin or password is not None or (sys.stdin and sys.stdin.isatty())):
        raise click.UsageError("There is no terminal to ask on. Add --password-stdin.")

    def choose(report: "Report") -> str:
        if password is not None:
            report.warn("--password shows the password to all users of this machine. Use --password-stdin.")
            return _checked(password)
        return _checked(_from_stdin() if password_stdin else _asked_for())

    from zato_sso_reset.cli import set_password as one_user

    one_user.set_password(
        one_user.Request(**given),
        audit,
        verb="change",
        to_store={"password_stdin": True} if password_stdin else {},
        choose=choose,
        formats={
            "text": lambda done: f"Changed password for user `{done.new.user.username}`",
            "json": lambda done: one_user.as_json(done, with_password=False),
        },
    )


def _asked_for() -> str:
    with interruptible(), suppress(UnicodeDecodeError):
        return str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
    raise click.UsageError(_NOT_TO_BE_TYPED)  # out here: that error holds what was typed


def _from_stdin() -> str:
    """Return what stdin has, without the end of its line; a key1 before it was taken already."""
    data = b""
    with suppress(OSError):  # there is a stdin, but none to read from
        data = sys.stdin.buffer.read(MAX_INPUT + 1) if sys.stdin else b""
    if len(data) > MAX_INPUT:
        raise click.UsageError(f"The password on stdin is longer than {MAX_INPUT} bytes.")
    return data.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")


def _checked(password: str) -> str:
    """Return a password that could be typed at a login."""
    if not password:
        raise click.UsageError("The password is empty.")
    if options.has_controls(password):
        raise click.UsageError(_NOT_TO_BE_TYPED)
    return password
