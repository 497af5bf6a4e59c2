"""What several threads need and one of them does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from migrate.core.errors import Interrupted

K = TypeVar("K")
T = TypeVar("T")


class Once(Generic[T]):
    """Makes a value once; the others wait for it, and a failure is everybody's."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._value: T | None = None
        self._error: Exception | None = None
        self._made = False

    def get(self, make: Callable[[], T]) -> T:
        """The value, made by the first who asks.

        Raises:
            Exception: What ``make`` raised, to each who asks. An interruption is not kept.
        """
        with self._turn:
            if self._error is not None:
                raise self._error
            if not self._made:
                try:
                    self._value = make()
                except Interrupted:
                    raise
                except Exception as error:
                    self._error = error
                    raise
                self._made = True
            value: T = self._value  # type: ignore[assignment]
            return value

    @property
    def made(self) -> T | None:
        """The value where it was made, without waiting for who makes it."""
        return self._value


class OnceEach(Generic[K, T]):
    """Makes a value once for each key."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._values: dict[K, Once[T]] = {}

    def get(self, key: K, make: Callable[[], T]) -> T:
        """The value of a key, made by the first who asks for it; see ``Once.get``."""
        with self._turn:
            value = self._values.setdefault(key, Once())
        return value.get(make)


class Lent(Generic[K, T]):
    """Lends what the first has made to all who ask under the same key. A failure is its maker's: others try again."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._turns: dict[K, threading.Lock] = {}
        self._values: dict[K, T] = {}
        self._failed: set[K] = set()

    def get(self, key: K, make: Callable[[], T]) -> T:
        """The value of a key, made by the first who asks for it.

        Raises:
            Exception: What ``make`` raised, to who called with it.
        """
        with self._turn:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            if key in self._values:
                return self._values[key]
            if key not in self._failed:
                try:
                    self._values[key] = made = make()
                except BaseException:
                    self._failed.add(key)
                    raise
                return made
        return make()  # side by side from now on: it may be the key's fault


class FirstAlone:
    """Lets the first through alone, and everybody else once it has succeeded."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._open = False

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Waits while the first is inside; when it fails, the next is the first."""
        self._turn.acquire()
        if self._open:
            self._turn.release()
            yield
            return
        try:
            yield
            self._open = True
        finally:
            self._turn.release()
