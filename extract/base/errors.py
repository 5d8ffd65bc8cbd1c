"""The one exception a user is meant to read."""


class InputError(Exception):
    """A file, field or setting given by the user is wrong.

    The message names the file, the field and the fix, because it is all that
    ``extract.base.command.run`` prints.
    """
