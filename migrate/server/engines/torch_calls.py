"""What PyTorch's two engines share: its settings, and tensors to it and back."""

import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from migrate.server.errors import HttpError
from migrate.server.model import Field
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import DTYPES, Array

_NO_TENSOR: Final = frozenset({"string", "date"})


def prepare(threads: int) -> None:
    """Use this many CPUs; PyTorch's settings are of the process, and the first model's are kept."""
    warnings.filterwarnings("ignore", module=r"torch\b")
    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() != 1:
        try:
            torch.set_num_interop_threads(1)
        except RuntimeError:  # work has been done already: as it is, it stays
            return


def check_fields(fields: Sequence[Field]) -> None:
    """Refuse fields that no tensor of PyTorch can hold.

    Raises:
        ContradictionError: Naming the field.
    """
    for field in fields:
        if field.type in _NO_TENSOR:
            raise ContradictionError(f"{field.name} is declared as {field.type}, which PyTorch has no tensors of")


def dtypes_of(fields: Sequence[Field]) -> dict[str, str]:
    """Numpy's word for the dtype of each field."""
    return {field.name: str(np.dtype(DTYPES[field.type])) for field in fields}


def to_torch(data: Array) -> Any:
    """The array as a tensor; its memory is shared where the array may be written to."""
    if not data.flags.writeable or not data.flags.c_contiguous:
        data = np.array(data, order="C")
    return torch.from_numpy(data)


def to_numpy(tensor: Any) -> Array:
    """A tensor as an array of a type that numpy has, without its gradient."""
    tensor = tensor.detach().cpu()
    if tensor.is_sparse or tensor.is_quantized or tensor.is_complex():
        raise failed(f"the model answers with a tensor of {tensor.dtype}, {tensor.layout}")
    if tensor.dtype in {torch.bfloat16, torch.float16}:
        tensor = tensor.to(torch.float32)
    array: Array = tensor.contiguous().numpy()
    return array


def failed(reason: str) -> HttpError:
    """What the old runtime answered when libtorch refused, with the cause."""
    lines = [line.strip() for line in reason.strip().splitlines() if line.strip()]
    return HttpError(500, "Internal error", " ".join(lines[-2:])[:500])
