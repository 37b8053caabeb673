"""The commands inside `zato sso`, themselves found through entry points."""

from zato_sso_reset.host.program import PluginGroup

sso = PluginGroup("sso", entry_points="zato.sso.commands", help="Manage the users of Zato SSO.")
