"""`zato sso change-user-password`."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from zato_sso_reset.cli import options
from zato_sso_reset.cli.command import STOCK_USAGE, AuditedCommand
from zato_sso_reset.errors import PasswordRefusedError
from zato_sso_reset.host.messages import HintedUsageError, print_line
from zato_sso_reset.signals import keyboard_interrupts

if TYPE_CHECKING:
    from zato_sso_reset.audit.trail import Trail
    from zato_sso_reset.domain.policy import PasswordPolicy
    from zato_sso_reset.server.config import ServerConfig

ATTEMPTS = 3  # to enter a password that the policy accepts

_INVALID = "The password contains a line break, a control character or bytes that are not UTF-8."


class _DiscreetCommand(AuditedCommand):
    """A command that does not show unknown arguments, because one of them may be the password."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments; report unknown ones without quoting them."""
        try:
            return super().parse_args(ctx, args)
        except (click.BadParameter, click.BadOptionUsage):
            raise  # these quote only parameter names, or values that can't be the password
        except click.UsageError as error:
            near = " or ".join(f"`{option}`" for option in getattr(error, "possibilities", None) or ())
        text = "There is an unknown option or an extra argument, which is not shown: it may be the password."
        hint = f"Did you mean {near}?" if near else "Write a username that begins with `-` after `--`."
        raise HintedUsageError(text, hint, ctx)


@click.command(
    "change-user-password",
    cls=_DiscreetCommand,
    exit_codes=(1, 21, 22, 23, 73, 74, 75, 76, 77, 78, 79),
    usage=STOCK_USAGE,
    examples={
        "Ask for the password": "{} ~/env/qs-1/server1 user1",
        "Read it from a file": "{} ~/env/qs-1/server1 user1 --password-stdin < password.txt",
    },
)
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, as a single line.")
@click.option(
    "--password",
    metavar="PASSWORD",
    help="The password; other users of this machine can see it. For scripts written for the stock command.",
)
@options.single_user("text", "json")
@click.pass_obj
def change_user_password(
    trail: "Trail", /, *, password_stdin: bool, password: str | None, **given: Any
) -> None:
    """Change a user's password to one of your choice.

    PATH is the directory of a Zato server, which may be running or not. The command asks for the password
    twice, without showing it, and again if the server's policy refuses it; or it reads it from stdin.
    """
    if password_stdin and password is not None:
        raise click.UsageError("Use either --password-stdin or --password.")
    if not (password_stdin or password is not None or (sys.stdin and sys.stdin.isatty())):
        raise click.UsageError("There is no terminal to ask on. Add --password-stdin.")

    def choose(server: "ServerConfig") -> str:
        if password is not None:
            from logging import getLogger

            warning = "--password shows the password to all users of this machine. Use --password-stdin."
            getLogger(__name__).warning(warning)
            return _checked(password)
        if password_stdin:
            return _checked(_from_stdin())
        from zato_sso_reset.services.reset import policy_for

        policy = policy_for(server, given["username"])
        print_line(f"The server's password policy: {policy}.")
        return _ask(policy, ATTEMPTS)

    from zato_sso_reset.cli.single_user import SingleUserRequest, outcome_as_json, set_password

    set_password(
        SingleUserRequest(**given),
        trail,
        verb="change",
        to_store={"password_stdin": True} if password_stdin else {},
        choose=choose,
        formats={
            "text": lambda outcome: f"Changed password for user `{outcome.new.user.username}`",
            "json": lambda outcome: outcome_as_json(outcome, with_password=False),
        },
    )


def _ask(policy: "PasswordPolicy", attempts: int) -> str:
    """Ask for a password until the policy accepts it."""
    from zato_sso_reset.services.passwords import check_chosen

    try:
        password = _checked(_prompt())
        check_chosen(password, policy)
    except (PasswordRefusedError, click.UsageError) as error:
        if attempts == 1:
            raise
        print_line(str(error))
        return _ask(policy, attempts - 1)
    return password


def _prompt() -> str:
    with keyboard_interrupts(), suppress(UnicodeDecodeError):
        return str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
    raise click.UsageError(_INVALID)  # the suppressed error holds the input


def _from_stdin() -> str:
    """Return stdin without its line end; a key1 on the first line has already been read."""
    if sys.stdin and sys.stdin.isatty():
        print_line("Waiting for the password on stdin; typing shows it. End it with Enter and Ctrl-D.")
    return options.read_stdin(sys.stdin, "The password", whole=True)


def _checked(password: str) -> str:
    """Return the password; raise UsageError if it is empty or has control characters."""
    if not password:
        raise click.UsageError("The password is empty.")
    if options.has_controls(password):
        raise click.UsageError(_INVALID)
    return password
