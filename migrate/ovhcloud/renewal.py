"""Credentials that are replaced while a session works: read anew, or asked for, where OVHcloud takes them no more."""

import threading
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from migrate.core.errors import MigrateError, with_next_step
from migrate.core.mending import Ask, Request
from migrate.core.secret import Secret
from migrate.core.text import type_again
from migrate.ovhcloud.config import Credentials, origin, read_credentials

MENDABLE: Final = frozenset({"expired-credential", "wrong-key"})
"""The codes of a refusal that other credentials mend."""

C = TypeVar("C")

Renew = Callable[[C, MigrateError], C]
"""Other credentials in place of those that were refused, or the same ones to try again; raises the error otherwise."""


def refuse(_: C, error: MigrateError) -> C:
    """Nothing is known of where the credentials came from.

    Raises:
        MigrateError: The refusal.
    """
    raise error


class Keys(Generic[C]):
    """Credentials in use and how often they were replaced; threads may share it.

    Attributes:
        current: The credentials.
        generation: How often they were replaced.
        worked: Whether they were ever taken: a refusal of the first call is an error like another.
        taken: The generation that was taken last; -1 before any was.
    """

    def __init__(self, credentials: C, renew: Renew[C], *, token_first: bool = False) -> None:
        """Begins with credentials.

        Args:
            credentials: The first ones.
            renew: What replaces them.
            token_first: Whether they are exchanged for a token, which may be revoked while they are good.
        """
        self.current = credentials
        self.generation = 0
        self.worked = False
        self.taken = -1
        self._renew = renew
        self._token_first = token_first
        self._turn = threading.Lock()
        self._token_is_new = False

    def replace(self, error: MigrateError, generation: int) -> None:
        """Replaces credentials that were refused; of threads that meet the refusal together one does it.

        Args:
            error: The refusal.
            generation: What the caller signed with.

        Raises:
            MigrateError: The refusal, where nobody can mend it.
            Interrupted: The person stops the run instead.
        """
        with self._turn:
            if self.generation != generation:
                return
            if not self.worked:
                raise error
            if self._token_first and not self._token_is_new:
                self._token_is_new = True
            else:
                self.current = self._renew(self.current, error)
                self._token_is_new = False
            self.generation += 1

    def took(self) -> None:
        """Notes that they were taken."""
        self.worked = True
        self.taken = self.generation
        self._token_is_new = False


def from_configuration(environ: Mapping[str, str], ask: Ask) -> Renew[Credentials]:
    """Renews from where the credentials were read: a file may have others by now, and otherwise a person is asked.

    Args:
        environ: The environment that they were read with.
        ask: Asks the person.
    """

    def renew(old: Credentials, error: MigrateError) -> Credentials:
        fresh = read_credentials(environ)
        if fresh != old:
            return fresh
        name, words = ("client_secret", "secret") if old.client_id else ("consumer_key", "consumer key")
        where = origin(environ, old.endpoint, name)
        make = (
            f"Make a new secret for the service account {old.client_id}"
            if old.client_id
            else "Make a new consumer key for the same application and validate it"
        )
        to_do = f"{make}, and put it into {where}"
        typed = ask(Request(what=error.what, to_do=to_do, typed=words))
        if typed is None:
            raise with_next_step(error, type_again(to_do, note="it goes on where it stopped"))
        if typed:
            Secret(typed)  # known from now on, so that no text shows it
            return read_credentials({**environ, f"OVH_{name.upper()}": typed})
        return read_credentials(environ)

    return renew
