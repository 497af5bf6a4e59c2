"""Weights in safetensors: a JSON header and bytes, and nothing else (https://github.com/huggingface/safetensors#format)."""

from typing import Annotated, Final

import msgspec
from msgspec import Struct

from migrate.core.codes.files import FileCode
from migrate.formats.reading.case import Case
from migrate.formats.reading.errors import FormatError, quoted

MAXIMUM_HEADER: Final = 32 * 1024 * 1024  # 200,000 tensors
_MAXIMUM_RANK: Final = 64
_SIZES: Final = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 8),
}
_Size = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
_AGAIN: Final = "Save the model again with save_pretrained, and upload the complete file."


def check_safetensors(case: Case, path: str) -> None:
    """Read the header, and account for every byte behind it.

    Raises:
        FormatError: It is broken, incomplete, or holds more than tensors.
    """
    with case.open(path) as (read, size):
        length = int.from_bytes(read(0, 8), "little")
        if size < 10 or length > min(size - 8, MAXIMUM_HEADER):
            raise _broken(
                path, "truncated" if size < 10 or length <= MAXIMUM_HEADER else "corrupt", "its header is cut"
            )
        data = read(8, length)
    try:
        header = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        header.pop("__metadata__", None)
        extents = sorted(_extent(path, name, value) for name, value in header.items())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(path, "corrupt", f"its header is no JSON of tensors ({error})") from None
    at = 0
    for start, end, expected in extents:
        if start != at or end - start != expected:
            raise _broken(path, "corrupt", "its tensors overlap, leave gaps, or are not as long as they say")
        at = end
    if at > size - 8 - length:
        raise _broken(path, "truncated", f"its tensors have {at} bytes, and {size - 8 - length} are there")
    if at < size - 8 - length:
        raise _broken(path, "corrupt", f"{size - 8 - length - at} bytes follow its tensors")


class _Tensor(Struct, forbid_unknown_fields=True):
    """A tensor in the header."""

    dtype: str
    shape: Annotated[list[_Size], msgspec.Meta(max_length=_MAXIMUM_RANK)]
    data_offsets: tuple[_Size, _Size]


def _extent(path: str, name: str, value: msgspec.Raw) -> tuple[int, int, int]:
    """Where a tensor begins and ends, and how many bytes its type and shape need."""
    tensor = msgspec.json.decode(value, type=_Tensor)
    if tensor.dtype not in _SIZES:
        raise _broken(path, "corrupt", f"the tensor {quoted(name)} is of the type {quoted(tensor.dtype)}")
    length = _SIZES[tensor.dtype]
    for size in tensor.shape:
        length *= size
    return *tensor.data_offsets, length


def _broken(path: str, code: FileCode, why: str) -> FormatError:
    return FormatError(code, f"The weights {quoted(path)} cannot be read: {why}.", _AGAIN)
