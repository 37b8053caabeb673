"""The `zato` command."""

import click

from zato_sso_reset.host.group import PluginGroup
from zato_sso_reset.host.stock import STOCK_CLI


@click.command(
    cls=PluginGroup,
    entry_points="zato.commands",
    name="zato",
    context_settings={"help_option_names": ["-h", "--help"]},
    examples={
        "Explain a command": "{} sso --help",
        "List the installed plugins": "{} plugins",
    },
    epilog="Any other command is handed over to the stock zato: the program that the environment variable "
    f"{STOCK_CLI} names, or else the next zato on PATH. "
    "This program is also installed as zato-sso-reset, for a PATH on which the stock zato comes first.",
)
@click.version_option(package_name="zato-sso-reset", message="%(package)s %(version)s")
def zato() -> None:
    """Administer Zato. Commands come from plugins."""
