"""The `zato sso` group."""

from zato_sso_reset.host.group import PluginGroup

sso = PluginGroup(
    "sso",
    entry_points="zato.sso.commands",
    help="Manage the users of Zato SSO.",
    examples={
        "Reset a user's password": "{} reset-user-password ~/env/qs-1/server1 user1",
        "Create a server to try it on": "{} quickstart ~/env/qs-1/server1",
        "Explain a command": "{} reset-user-password --help",
    },
)
