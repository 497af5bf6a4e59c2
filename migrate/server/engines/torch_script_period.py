"""Code of TorchScript whose operators meant something else: rewritten in a copy of the archive before it is loaded.

PyTorch has upgraders for most operators that changed. For these it has none: ``floor_divide`` cut towards zero up to
1.12 and rounds down since 1.13, ``stft`` gave real and imaginary parts, which must be asked for now, and those of
Fourier transforms and of linear algebra before ``torch.fft`` and ``torch.linalg`` are gone.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import torch

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL)
_STFT_COMPLEX: Final = 7  # the place of return_complex, which 1.7 added
_TRANSFORMED: Final = {"1": "[-1]", "2": "[-2, -1]", "3": "[-3, -2, -1]"}
_OPEN: Final = "([{"
_CLOSE: Final = ")]}"


def load(path: Path) -> Any:
    """A TorchScript module on the CPU, with the operators of the PyTorch that saved it."""
    with zipfile.ZipFile(path) as archive:
        # PyTorch writes this entry since 2.1. What ML Serving ran came from 1.12 or before, as did its own libtorch.
        is_recent = any(name.endswith("/byteorder") for name in archive.namelist())
        codes = {} if is_recent else _rewritten(archive)
        if not codes:
            return torch.jit.load(str(path), map_location="cpu")
        copy = io.BytesIO()
        with zipfile.ZipFile(copy, "w") as target:
            for entry in archive.infolist():
                # The texts beside the code that say where it came from do not fit it any more.
                if entry.filename.removesuffix(".debug_pkl") not in codes or entry.filename in codes:
                    target.writestr(entry.filename, codes.get(entry.filename) or archive.read(entry))
    copy.seek(0)
    return torch.jit.load(copy, map_location="cpu")


def _rewritten(archive: zipfile.ZipFile) -> dict[str, str]:
    """The code that has to change, by its entry's name."""
    found = {}
    for name in archive.namelist():
        if "/code/" in f"/{name}" and name.endswith(".py"):
            code = archive.read(name).decode("utf-8")
            changed = rewritten(code)
            if changed != code:
                found[name] = changed
    return found


def rewritten(code: str) -> str:
    """Code with calls that compute today what they computed then."""
    done = ""
    while match := _CALL_OR_TEXT.search(code):
        if not match["call"]:
            done, code = done + code[: match.end()], code[match.end() :]
            continue
        arguments, end = _arguments(code, match.end())
        plain = [rewritten(argument) for argument in arguments]
        done += code[: match.start()] + (_WRITERS[match["call"]](plain) or f"{match[0]}{', '.join(plain)})")
        code = code[end:]
    return done + code


def _division(operator: str) -> Callable[[list[str]], str]:
    return lambda arguments: f'torch.{operator}({", ".join(arguments)}, rounding_mode="trunc")'


def _stft(arguments: list[str]) -> str:
    """``stft``: pairs of real and imaginary parts, unless complex numbers are asked for, or are what it is given."""
    asked = _at(arguments, _STFT_COMPLEX, "None")
    if asked == "True":
        return ""
    call = f"torch.stft({', '.join(arguments[:_STFT_COMPLEX])}, return_complex=True)"
    if asked == "False":
        return f"torch.view_as_real({call})"
    is_complex = f"torch.is_complex({arguments[0]})"
    if asked != "None":  # computed: scripts of 1.7 to 1.12 call it through a function of PyTorch's own
        word = f'torch.format("{{}}", {asked})'  # which any type of it has
        is_complex = f'{word} == "True" or ({word} == "None" and {is_complex})'
    return f"({call} if {is_complex} else torch.view_as_real({call}))"


def _rfft(arguments: list[str]) -> str:
    """``rfft(input, signal_ndim, normalized=False, onesided=True)``."""
    where = _where(arguments)
    operator = {"True": "fft_rfftn", "False": "fft_fftn"}.get(_at(arguments, 3, "True"), "")
    return f"torch.view_as_real(torch.{operator}({arguments[0]}, None, {where}))" if where and operator else ""


def _irfft(arguments: list[str]) -> str:
    """``irfft(input, signal_ndim, normalized=False, onesided=True, signal_sizes=())``."""
    where = _where(arguments)
    sizes = _at(arguments, 4, "[]")
    values = f"torch.view_as_complex(torch.contiguous({arguments[0]})), {'None' if sizes == '[]' else sizes}, {where}"
    one_sided = _at(arguments, 3, "True")
    if not where or one_sided not in ("True", "False"):
        return ""
    return f"torch.fft_irfftn({values})" if one_sided == "True" else f"torch.real(torch.fft_ifftn({values}))"


def _fft(operator: str) -> Callable[[list[str]], str]:
    """``fft(input, signal_ndim, normalized=False)`` and ``ifft``, of pairs of real and imaginary parts."""

    def write(arguments: list[str]) -> str:
        where = _where(arguments)
        values = f"torch.view_as_complex(torch.contiguous({arguments[0]}))"
        return f"torch.view_as_real(torch.{operator}({values}, None, {where}))" if where else ""

    return write


def _where(arguments: list[str]) -> str:
    """The dimensions of a transform and its scale; empty where the code computes them."""
    dimensions = _TRANSFORMED.get(_at(arguments, 1, ""))
    scale = {"False": '"backward"', "True": '"ortho"'}.get(_at(arguments, 2, "False"))
    return f"{dimensions}, {scale}" if dimensions and scale else ""


def _solve(arguments: list[str]) -> str:
    """``solve(B, A)``: the solution, and the decomposition of A."""
    right, left = arguments
    return f"(torch.linalg_solve({left}, {right}), (torch.linalg_lu_factor({left}))[0])"


def _symeig(arguments: list[str]) -> str:
    """``symeig(input, eigenvectors=False, upper=True)``."""
    half = {"True": '"U"', "False": '"L"'}.get(_at(arguments, 2, "True"))
    return f"torch.linalg_eigh({arguments[0]}, {half})" if half else ""


def _at(arguments: list[str], place: int, default: str) -> str:
    return arguments[place] if place < len(arguments) else default


_WRITERS: Final[dict[str, Callable[[list[str]], str]]] = {
    "floor_divide": _division("div"),
    "floor_divide_": _division("div_"),
    "stft": _stft,
    "rfft": _rfft,
    "irfft": _irfft,
    "fft": _fft("fft_fftn"),
    "ifft": _fft("fft_ifftn"),
    "solve": _solve,
    "symeig": _symeig,
}
"""Operators by what writes a call anew; empty text where it stays as it is."""
_CALL_OR_TEXT: Final = re.compile(
    rf"{_STRING.pattern}|(?<![\w.])(?:torch|ops\.aten)\.(?P<call>{'|'.join(_WRITERS)})\(", re.DOTALL
)


def _arguments(code: str, start: int) -> tuple[list[str], int]:
    """The arguments of a call whose parenthesis opens before ``start``, and the place behind the one that closes it."""
    found: list[str] = []
    begin, depth = start, 0
    for at in _outside_of_texts(code, start):
        letter = code[at]
        if letter in _CLOSE and not depth:
            last = code[begin:at].strip()
            return [*found, last] if last else found, at + 1
        if letter == "," and not depth:
            found.append(code[begin:at].strip())
            begin = at + 1
        depth += (letter in _OPEN) - (letter in _CLOSE)
    raise ValueError("a call in the code does not end")


def _outside_of_texts(code: str, start: int) -> Iterator[int]:
    at = start
    while at < len(code):
        text = _STRING.match(code, at)
        if text is None:
            yield at
            at += 1
        else:
            at = text.end()
