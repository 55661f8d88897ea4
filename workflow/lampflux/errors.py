"""Errors that the user can correct."""


class UserError(Exception):
    """A mistake in the user's files or settings: says which file, what is wrong, what to do.

    Made of a sentence, or of several.
    """
