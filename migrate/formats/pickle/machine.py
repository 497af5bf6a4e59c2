"""What a pickle would build, import and call, found by following its stack without carrying anything out."""

from typing import Final

from migrate.core.looked import NotKnown
from migrate.formats.pickle.opcodes import Argument, PickleError, opcodes
from migrate.formats.reading.wire import Read

MAXIMUM_HELD: Final = 4096  # items of a list or dictionary that are remembered


class Global:
    """An import."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name


class Made:
    """What a call makes; ``state`` is what BUILD gives it, and ``items`` what is put in it afterwards."""

    __slots__ = ("arguments", "items", "made_by", "state")

    def __init__(self, made_by: "Value", arguments: "Value") -> None:
        self.made_by = made_by
        self.arguments = arguments
        self.state: Value = None
        self.items: list[tuple[Value, Value]] = []


class Mapping:
    """A dictionary, as pairs in order."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[tuple[Value, Value]] = []


class Persistent:
    """Something outside the stream, by its id: a tensor's storage."""

    __slots__ = ("id",)

    def __init__(self, identifier: "Value") -> None:
        self.id = identifier


class _Mark:
    __slots__ = ()


Value = str | int | bytes | Global | Made | Mapping | Persistent | tuple["Value", ...] | list["Value"] | None
_MARK: Final = _Mark()
_Stack = list[Value | _Mark]


def word_of(value: Value) -> Value:
    """A text; Python 2 wrote its own as bytes, which loaders of Python 3 read as ASCII."""
    return value.decode("ascii") if isinstance(value, bytes) and value.isascii() else value


def module_class(identifier: Value) -> Global | None:
    """The class in ``("module", class, file, source)``, as PyTorch before 1.6 kept the classes of modules."""
    if isinstance(identifier, tuple) and len(identifier) == 4 and word_of(identifier[0]) == "module":
        return identifier[1] if isinstance(identifier[1], Global) else None
    return None


class Reading:
    """One pickle, as far as it was read.

    Attributes:
        imports: What it would import: module and name, in order.
        storages: The ids of what lies outside the stream.
        problems: What no model does, in words; with any of them nothing else that is said of the pickle is sure.
        root: What it builds.
        end: The byte after it.
        error: Why the reading ended early; None where STOP was reached.
        unread: Why the rest cannot be read now; with it nothing but the imports so far is sure.
    """

    def __init__(self) -> None:
        self.imports: dict[tuple[str, str], None] = {}
        self.storages: list[Value] = []
        self.problems: list[str] = []
        self.root: Value = None
        self.end = 0
        self.error: PickleError | None = None
        self.unread: NotKnown | None = None

    def demand_whole(self) -> None:
        """Go on only with a pickle that could be read.

        Raises:
            NotKnown: It could not.
        """
        if self.unread is not None:
            raise self.unread


def read_pickle(read: Read, start: int, size: int) -> Reading:
    """Follow the pickle that begins at a byte; broken ones up to where they break."""
    reading = Reading()
    machine = _Machine(reading)
    try:
        for at, name, argument in opcodes(read, start, size):
            machine.step(at, name, argument)
            reading.end = at + 1
    except PickleError as error:
        reading.error = error
    except NotKnown as unread:
        reading.unread = unread
    return reading


class _Machine:
    """The stack and the memo of an unpickler, holding descriptions instead of objects."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._stack: _Stack = []
        self._memo: dict[int, Value] = {}
        self._at = 0
        self._steps = {
            "NONE": lambda: self._push(None),
            "NEWTRUE": lambda: self._push(True),
            "NEWFALSE": lambda: self._push(False),
            "EMPTY_LIST": lambda: self._push([]),
            "EMPTY_SET": lambda: self._push([]),
            "EMPTY_TUPLE": lambda: self._push(()),
            "EMPTY_DICT": lambda: self._push(Mapping()),
            "MARK": lambda: self._stack.append(_MARK),
            "POP": self._discard,
            "POP_MARK": lambda: self._void(self._marked()),
            "DUP": self._dup,
            "LIST": lambda: self._push(self._marked()),
            "FROZENSET": lambda: self._push(self._marked()),
            "TUPLE": lambda: self._push(tuple(self._marked())),
            "TUPLE1": lambda: self._push(self._last(1)),
            "TUPLE2": lambda: self._push(self._last(2)),
            "TUPLE3": lambda: self._push(self._last(3)),
            "DICT": self._dictionary,
            "APPEND": lambda: self._extend([self._pop()]),
            "APPENDS": lambda: self._extend(self._marked()),
            "ADDITEMS": lambda: self._extend(self._marked()),
            "SETITEM": lambda: self._put(list(self._last(2))),
            "SETITEMS": lambda: self._put(self._marked()),
            "MEMOIZE": lambda: self._remember(len(self._memo)),
            "STACK_GLOBAL": self._stack_global,
            "REDUCE": self._call,
            "NEWOBJ": self._call,
            "NEWOBJ_EX": self._call_with_keywords,
            "OBJ": self._object,
            "BUILD": self._build,
            "BINPERSID": self._persistent,
            "STOP": self._stop,
        }

    def step(self, at: int, name: str, argument: Argument) -> None:
        """Follow one opcode."""
        self._at = at
        if name in ("INT", "FLOAT", "STRING", "UNICODE", "TEXT", "BYTES"):
            self._push(argument)
        elif name == "GLOBAL" and isinstance(argument, tuple):
            self._import(*argument)
        elif name == "INST" and isinstance(argument, tuple):
            arguments = tuple(self._marked())
            self._import(*argument)
            self._push(Made(self._pop(), arguments))
        elif name == "GET" and isinstance(argument, int):
            if argument not in self._memo:
                raise self._broken("takes something that was never kept")
            self._push(self._memo[argument])
        elif name == "PUT" and isinstance(argument, int):
            self._remember(argument)
        elif name not in ("PROTO", "FRAME"):
            self._steps[name]()

    def _broken(self, why: str) -> PickleError:
        return PickleError("malformed", f"it {why}, at byte {self._at}")

    def _problem(self, what: str) -> None:
        if len(self._reading.problems) < 20:
            self._reading.problems.append(f"{what} (byte {self._at})")

    def _push(self, value: Value) -> None:
        self._stack.append(value)

    def _pop(self) -> Value:
        value = self._stack.pop() if self._stack else _MARK
        if isinstance(value, _Mark):
            raise self._broken("takes more from its stack than is there")
        return value

    def _top(self) -> Value:
        value = self._stack[-1] if self._stack else _MARK
        if isinstance(value, _Mark):
            raise self._broken("takes more from its stack than is there")
        return value

    def _last(self, count: int) -> tuple[Value, ...]:
        return tuple(reversed([self._pop() for _ in range(count)]))

    def _marked(self) -> list[Value]:
        found: list[Value] = []
        while self._stack:
            value = self._stack.pop()
            if isinstance(value, _Mark):
                return found[::-1]
            found.append(value)
        raise self._broken("has no mark")

    def _void(self, _: object) -> None:
        """Drop what was popped."""

    def _discard(self) -> None:
        if not self._stack:
            raise self._broken("takes more from its stack than is there")
        self._stack.pop()

    def _dup(self) -> None:
        self._push(self._top())

    def _remember(self, key: int) -> None:
        self._memo[key] = self._top()

    def _import(self, module: str, name: str) -> None:
        self._reading.imports[(module, name)] = None
        self._push(Global(module, name))

    def _stack_global(self) -> None:
        module, name = self._last(2)
        if not isinstance(module, str) or not isinstance(name, str):
            self._problem("imports something whose name is not written in it")
            module, name = "?", "?"
        self._import(module, name)

    def _call(self) -> None:
        callee, arguments = self._last(2)
        self._made(callee, arguments)

    def _call_with_keywords(self) -> None:
        callee, arguments, keywords = self._last(3)
        self._made(callee, (arguments, keywords))

    def _object(self) -> None:
        values = self._marked()
        if not values:
            raise self._broken("has no mark")
        self._made(values[0], tuple(values[1:]))

    def _made(self, callee: Value, arguments: Value) -> None:
        if isinstance(callee, Persistent):
            callee = module_class(callee.id)
        if not isinstance(callee, Global):
            self._problem("calls something that it made itself")
        self._push(Made(callee, arguments))

    def _build(self) -> None:
        state = self._pop()
        target = self._top()
        if isinstance(target, Made):
            target.state = state
        else:
            self._problem("changes something that it did not make")

    def _dictionary(self) -> None:
        values = self._marked()
        self._push(Mapping())
        self._put(values)

    def _extend(self, values: list[Value]) -> None:
        target = self._top()
        if isinstance(target, list):
            target += values[: max(0, MAXIMUM_HELD - len(target))]
        elif isinstance(target, Made):
            target.items += [(None, value) for value in values[: max(0, MAXIMUM_HELD - len(target.items))]]
        else:
            self._problem("changes something that it did not make")

    def _put(self, values: list[Value]) -> None:
        if len(values) % 2:
            raise self._broken("has a key without a value")
        target = self._top()
        if isinstance(target, Mapping | Made):
            pairs = list(zip(values[::2], values[1::2], strict=True))
            target.items += pairs[: max(0, MAXIMUM_HELD - len(target.items))]
        else:
            self._problem("changes something that it did not make")

    def _persistent(self) -> None:
        identifier = self._pop()
        self._reading.storages.append(identifier)
        self._push(Persistent(identifier))

    def _stop(self) -> None:
        self._reading.root = self._pop()
        if self._stack:
            self._problem("leaves things on its stack")
