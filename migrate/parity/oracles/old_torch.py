"""Files of older PyTorch: code of TorchScript by Python's own grammar, modules by what their classes have today."""

import ast
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

# What these classes read today and modules pickled before had not: a class's attribute stands in for an instance's.
LATER: tuple[tuple[str, str, object], ...] = (
    ("GELU", "approximate", "none"),
    ("EmbeddingBag", "include_last_offset", False),
    ("EmbeddingBag", "padding_idx", None),
    ("Transformer", "batch_first", False),
    ("MultiheadAttention", "batch_first", False),
    ("TransformerEncoder", "enable_nested_tensor", False),
    ("TransformerEncoder", "use_nested_tensor", False),
    ("TransformerEncoder", "mask_check", True),
    ("TransformerEncoderLayer", "norm_first", False),
    ("TransformerDecoderLayer", "norm_first", False),
)


def module(path: Path) -> Any:
    """The module in a pickle, or the only one in its dictionary."""
    for name, attribute, value in LATER:
        setattr(getattr(nn, name), attribute, value)
    nn.modules.linear._LinearWithBias = nn.modules.linear.NonDynamicallyQuantizableLinear
    nn.Upsample.__setstate__ = as_then(nn.Upsample.__setstate__)
    found: Any = torch.load(path, map_location="cpu", weights_only=False)
    if isinstance(found, dict):
        (found,) = [value for value in found.values() if isinstance(value, nn.Module)]
    for part in found.modules():
        if isinstance(part, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and not hasattr(
            part, "_reversed_padding_repeated_twice"
        ):
            part._reversed_padding_repeated_twice = around(part)
        if isinstance(part, nn.TransformerEncoderLayer) and not hasattr(part, "activation_relu_or_gelu"):
            known = [nn.functional.relu, nn.functional.gelu]
            part.activation_relu_or_gelu = known.index(part.activation) + 1 if part.activation in known else 0
    return found.eval()


def as_then(original: Callable[[Any, dict[str, Any]], None]) -> Callable[[Any, dict[str, Any]], None]:
    """How a state becomes an upsampling layer: with the scale as it is in states of 1.6 and later."""

    def set_state(self: Any, state: dict[str, Any]) -> None:
        scale_as_it_is = "_non_persistent_buffers_set" in state and "recompute_scale_factor" not in state
        original(self, state)
        if scale_as_it_is:
            self.recompute_scale_factor = None

    return set_state


def around(part: Any) -> list[int]:
    """The padding of a convolution with ends that meet, by the rules of 1.4 (halves; none without an end) or 1.5."""
    if hasattr(part, "_padding_repeated_twice"):
        return list(part._padding_repeated_twice)
    sizes: list[int] = []
    for size in part.padding[::-1]:
        sizes += [size - size // 2, size // 2] if size > 1 else [0, 0]
    return sizes


def script(path: Path) -> Any:
    """A TorchScript module, its code as it was meant."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    if any(name.endswith("byteorder") for name in contents):
        return torch.jit.load(str(path), map_location="cpu")
    changed = False
    for name in [one for one in contents if one.endswith(".py")]:
        tree = Meant()
        text = tree.code(contents[name].decode())
        if tree.changes:
            contents[name], changed = text.encode(), True
            contents.pop(f"{name}.debug_pkl", None)
    if not changed:
        return torch.jit.load(str(path), map_location="cpu")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as copy:
        for name, content in contents.items():
            copy.writestr(name, content)
    made.seek(0)
    return torch.jit.load(made, map_location="cpu")


class Meant(ast.NodeTransformer):
    """Calls of operators that changed or went, as calls of those that compute the same today."""

    def __init__(self) -> None:
        self.changes = 0

    def code(self, text: str) -> str:
        """A file of code, as it was meant."""
        return ast.unparse(self.visit(ast.parse(text))) + "\n"

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """One call, what is in it first."""
        self.generic_visit(node)
        owner = ast.unparse(node.func).rpartition(".")
        if owner[0] not in ("torch", "ops.aten"):
            return node
        given = [ast.unparse(argument) for argument in node.args]
        text = meant(owner[2], given)
        if text is None:
            return node
        self.changes += 1
        return ast.parse(text, mode="eval").body


def _spectrum(given: list[str]) -> str | None:
    """``stft`` of 1.4 to 1.12: what it gave depends on the eighth argument, which may be computed, and on its input."""
    asked = given[7] if len(given) > 7 else "None"
    spectrum = f"torch.stft({', '.join(given[:7])}, return_complex=True)"
    pairs = f"torch.view_as_real({spectrum})"
    if asked in ("True", "False"):
        return None if asked == "True" else pairs
    unsaid = f"({spectrum} if torch.is_complex({given[0]}) else {pairs})"
    if asked == "None":
        return unsaid
    said = f"torch.format('{{}}', {asked})"
    return f"({spectrum} if {said} == 'True' else {pairs} if {said} == 'False' else {unsaid})"


def meant(name: str, given: list[str]) -> str | None:
    """An operator's call of then in the words of today; None where it means the same."""
    if name in ("floor_divide", "floor_divide_"):
        return f"torch.{name.replace('floor_divide', 'div')}({given[0]}, {given[1]}, rounding_mode='trunc')"
    if name == "stft":
        return _spectrum(given)
    if name == "solve":
        return f"(torch.linalg_solve({given[1]}, {given[0]}), torch.linalg_lu_factor({given[1]})[0])"
    if name == "symeig":
        return f"torch.linalg_eigh({given[0]}, '{'L' if given[2:3] == ['False'] else 'U'}')"
    if name in ("rfft", "irfft", "fft", "ifft"):
        values = given[0] if name == "rfft" else f"torch.view_as_complex(torch.contiguous({given[0]}))"
        scale = "ortho" if given[2:3] == ["True"] else "backward"
        where = [-place for place in range(int(given[1]), 0, -1)]
        half = name[0] in "ri" and name.endswith("rfft") and given[3:4] != ["False"]
        sizes = given[4] if given[4:5] not in ([], ["[]"]) else "None"
        operator = {"rfft": "rfftn" if half else "fftn", "irfft": "irfftn" if half else "ifftn"}.get(name, f"{name}n")
        made = f"torch.fft_{operator}({values}, {sizes}, {where}, '{scale}')"
        if name == "irfft":
            return made if half else f"torch.real({made})"
        return f"torch.view_as_real({made})"
    return None
