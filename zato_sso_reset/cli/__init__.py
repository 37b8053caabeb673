"""The `zato sso` group."""

from zato_sso_reset.host.group import PluginGroup

sso = PluginGroup("sso", entry_points="zato.sso.commands", help="Manage the users of Zato SSO.")
