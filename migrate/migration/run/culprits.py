"""Whose fault it is that an image of several models cannot be used: a model is never another one's failure."""

from collections.abc import Mapping

from migrate.core.errors import MigrateError, NeedsYouError


class BlamedError(NeedsYouError):
    """Some models of a unit cannot go on; the others can, in an image without them.

    Attributes:
        errors: What is wrong with each of those models, by id.
    """

    def __init__(self, errors: Mapping[str, MigrateError]) -> None:
        self.errors = dict(errors)
        super().__init__(f"These models cannot go on: {', '.join(errors)}.", code="blamed")
