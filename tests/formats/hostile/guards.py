"""The guards of ``migrate.formats``, found in its code: every statement that refuses a file or notes a danger.

A guard that somebody adds is in the list from then on, wherever its file lies. ``install`` loads the same code with a
switch before each guard, so that one can be off while a case is inspected: what it refuses passes on.
"""

import ast
import builtins
import importlib.util
import sys
from collections.abc import Collection, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from msgspec import Struct

PACKAGE: Final = "migrate.formats"
_SWITCH: Final = "__guard__"
_STATEMENTS: Final = (ast.Raise, ast.Return, ast.Assign, ast.AugAssign, ast.Expr)

# What refuses or notes without a raise of its own: methods of a case, of a manifest's reader and of the pickle machine,
# and handlers of the XML parser; what a function gives back as its finding; and errors of other packages.
_NOTES: Final = frozenset({"danger", "hazard", "fail", "_problem", "_refuse", "inspection"})
_FINDINGS: Final = frozenset({"Danger", "NameProblem", "Outside"})
_FOREIGN: Final = frozenset({"LocalError"})


class Guard(Struct, frozen=True):
    """A statement that refuses: its function and words (no two guards have the same), its module and line."""

    name: str
    module: str
    line: int


class Switch:
    """Asked before each guard: whether it is on. ``reached`` are the guards that were asked."""

    def __init__(self) -> None:
        self.off = ""
        self.reached: set[str] = set()

    def __call__(self, name: str) -> bool:
        self.reached.add(name)
        return name != self.off


def guards() -> list[Guard]:
    """All guards of the package."""
    sources = {name: path.read_text(encoding="utf-8") for name, path in _modules()}
    errors = _errors(sources.values())
    found = [guard for name, source in sources.items() for guard in guards_of(name, source, errors)]
    counts: dict[str, int] = {}
    for index, guard in enumerate(found):
        counts[guard.name] = number = counts.get(guard.name, 0) + 1
        if number > 1:
            found[index] = Guard(f"{guard.name} ({number})", guard.module, guard.line)
    return found


def guards_of(module: str, source: str, errors: Collection[str] = ()) -> list[Guard]:
    """The guards in the text of one module.

    Args:
        module: Its name.
        source: Its text.
        errors: The classes of errors of all modules.
    """
    tree = ast.parse(source)
    return [Guard(_words(scope, node), module, node.lineno) for node, scope in _find(tree, errors)]


def install(switch: Switch) -> None:
    """Have the modules of the package loaded with the switch in them.

    Raises:
        RuntimeError: One of them is loaded already.
    """
    early = [name for name in sys.modules if name.startswith(f"{PACKAGE}.")]
    if early:
        message = f"{early[0]} is loaded already, without a switch"
        raise RuntimeError(message)
    sys.meta_path.insert(0, _Finder(switch))


class _Finder(MetaPathFinder):
    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._names = {(guard.module, guard.line): guard.name for guard in guards()}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{PACKAGE}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            names = {line: name for (module, line), name in self._names.items() if module == fullname}
            spec.loader = _Loader(fullname, spec.loader.path, self._switch, names)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, switch: Switch, names: dict[int, str]) -> None:
        super().__init__(fullname, path)
        self._switch = switch
        self._names = names

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = _Switched(self._names).visit(ast.parse(self.get_data(path)))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__[_SWITCH] = self._switch
        super().exec_module(module)


class _Switched(ast.NodeTransformer):
    """Puts each guard behind ``if __guard__(name):``; guards are known by the line that they begin in."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, _STATEMENTS) or node.lineno not in self._names:
            return self.generic_visit(node)
        asked = ast.Call(ast.Name(_SWITCH, ast.Load()), [ast.Constant(self._names[node.lineno])], [])
        return ast.copy_location(ast.If(asked, [node], []), node)


def _modules() -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(PACKAGE)
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in sorted(Path(root).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join((PACKAGE, *parts)).removesuffix(".__init__"), path


def _errors(sources: Collection[str]) -> frozenset[str]:
    """The classes of errors, without those that are private to their file: these are signals inside of it."""
    classes = (node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))
    found = (node.name for node in classes if any(isinstance(b, ast.Name) and b.id == "Exception" for b in node.bases))
    return _FOREIGN | {name for name in found if not name.startswith("_")}


def _find(tree: ast.Module, errors: Collection[str]) -> list[tuple[ast.stmt, str]]:
    """The guards of a module in the order of their lines, each with the full name of its function."""
    found: list[tuple[ast.stmt, str]] = []
    signals = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name.startswith("_")}
    waiting: list[tuple[ast.AST, str, str]] = [(tree, "", "")]
    while waiting:
        node, scope, returns = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = ast.unparse(child.returns) if isinstance(child, ast.FunctionDef) and child.returns else ""
                waiting.append((child, f"{scope}.{child.name}".lstrip("."), inner))
            elif scope and isinstance(child, _STATEMENTS) and _is_guard(child, returns, signals, errors):
                found.append((child, scope))
            else:
                waiting.append((child, scope, returns))
    return sorted(found, key=lambda pair: pair[0].lineno)


def _is_guard(node: ast.stmt, returns: str, signals: Collection[str], errors: Collection[str]) -> bool:
    if isinstance(node, ast.Raise):
        raised = _called(node.exc) if isinstance(node.exc, ast.Call) else _called_name(node.exc)
        # NeedsYouError tells a verdict that is there already
        return bool(raised) and raised not in {*signals, "NeedsYouError"} and not hasattr(builtins, raised)
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    made = {_called(call) for call in calls}
    if made & {*errors, *_NOTES, *_FINDINGS} or any(word.arg == "problem" for call in calls for word in call.keywords):
        return True
    # a function that gives back dangers: each that it yields or adds
    is_added = isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield | ast.YieldFrom)
    )
    return "Danger" in returns and is_added


def _called(call: ast.Call) -> str:
    return _called_name(call.func)


def _called_name(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _words(scope: str, node: ast.stmt) -> str:
    """The function, and what the statement says, as far as it is written in it."""
    texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    said = " ".join("…".join(texts).split())
    return f"{scope}: {said[:90] or ast.unparse(node).split('(')[0]}"
