"""Errors whose text is meant for the person who runs Calgate."""


class UserError(Exception):
    """Something the user can put right; the message names the thing and the way out.

    The command line prints the message alone and leaves with code 2; a traceback would help nobody.
    """


class SettingsError(UserError):
    """One or more settings are wrong; the text lists all of them, one a line."""


class EmbeddedServerError(UserError):
    """An embedded server cannot be started or reached."""
