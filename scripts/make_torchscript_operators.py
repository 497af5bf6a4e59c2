"""Write migrate/formats/torch/operators.txt: the operators that code of TorchScript can name in PyTorch.

    PYTHON scripts/make_torchscript_operators.py

PYTHON is one with the packages of the torch runtime. Most operators have a schema; some are functions in TorchScript,
which show only when code that names them is compiled.
"""

import io
import textwrap
import zipfile
from pathlib import Path

import torch

TARGET = Path(__file__).parents[1] / "migrate" / "formats" / "torch" / "operators.txt"
NAMESPACES = ("aten", "quantized")
WIDTH = 120


class Identity(torch.nn.Module):
    """The module whose code is replaced."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input."""
        return x


def is_known(name: str, archive: bytes) -> bool:
    """Whether code with ``torch.NAME(x)`` in it is compiled, or refused for another reason than the name."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(made, "w") as target:
        for entry in source.namelist():
            content = source.read(entry)
            if entry.endswith("__torch__.py"):
                content = content.replace(b"return x", f"return torch.{name}(x)".encode())
            target.writestr(entry, content)
    try:
        torch.jit.load(io.BytesIO(made.getvalue()))
    except RuntimeError as error:
        return "Unknown builtin op" not in str(error)
    return True


def main() -> None:
    """Write the table."""
    names: dict[str, set[str]] = {namespace: set() for namespace in NAMESPACES}
    for schema in torch._C._jit_get_all_schemas():
        namespace, _, name = schema.name.partition("::")
        if namespace in names:
            names[namespace].add(name)
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(Identity()), buffer)
    rooms = (torch, torch.Tensor, torch.nn.functional, torch.jit, torch._C._VariableFunctions)
    others = {name for room in rooms for name in dir(room)}
    names["aten"] |= {name for name in others - names["aten"] if is_known(name, buffer.getvalue())}
    version = torch.__version__.partition("+")[0]
    lines = [f"# Operators of PyTorch {version}; scripts/{Path(__file__).name} makes this."]
    for namespace in NAMESPACES:
        lines += [f"[{namespace}]", *textwrap.wrap(" ".join(sorted(names[namespace])), WIDTH, break_on_hyphens=False)]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
