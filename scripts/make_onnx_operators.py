"""Write migrate/formats/onnx/operators.txt: the operator sets in which onnxruntime can compute each operator.

Run it in an environment with the locked onnxruntime and with onnx (the project's own):

    python scripts/make_onnx_operators.py

Schemas and kernels are onnxruntime's; that an operator without a kernel is a function of others is onnx's to say. An
operator of ``com.microsoft`` without a kernel may be such a function too, so all that have a schema are written.
"""

import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

TARGET = Path(__file__).parents[1] / "migrate" / "formats" / "onnx" / "operators.txt"
OWN = "com.microsoft"

# Taken out of the graph before a kernel is looked for.
WITHOUT_KERNEL = {("", "Constant"): 1, ("", "Dropout"): 6}


def main() -> None:
    """Ask the installed onnxruntime, and write."""
    native: Any = onnxruntime_pybind11_state
    kernels = defaultdict(list)
    for kernel in native.get_all_opkernel_def():
        if kernel.provider == "CPUExecutionProvider":
            kernels[kernel.domain, kernel.op_name].append(kernel.version_range)
    schemas: dict[tuple[str, str], dict[int, bool]] = defaultdict(dict)
    for schema in native.get_all_operator_schema():
        schemas[schema.domain, schema.name][schema.since_version] = schema.deprecated
    functions = {
        (schema.domain, schema.name, schema.since_version)
        for schema in onnx.defs.get_all_schemas_with_history()
        if schema.has_function or schema.has_context_dependent_function
    }
    found: dict[str, list[str]] = defaultdict(list)
    for (domain, name), versions in sorted(schemas.items()):

        def is_there(version: int, key: tuple[str, str] = (domain, name)) -> bool:
            return (
                any(first <= version <= last for first, last in kernels[key])
                or (*key, version) in functions
                or version >= WITHOUT_KERNEL.get(key, 1000)
                or key[0] == OWN
            )

        ranges: list[tuple[int, int | None]] = []
        starts = sorted(versions)
        for version, following in zip(starts, [*starts[1:], None], strict=True):
            if versions[version] or not is_there(version):
                continue
            last = following - 1 if following is not None else None
            if ranges and ranges[-1][1] == version - 1:
                ranges[-1] = (ranges[-1][0], last)
            else:
                ranges.append((version, last))
        if ranges:
            found[domain].append(f"{name}:" + ",".join(f"{first}-{last or ''}" for first, last in ranges))
    lines = [
        f"# Operators of onnxruntime {onnxruntime.__version__} on CPUs, with their operator sets.",
        f"# scripts/{Path(__file__).name} makes this.",
    ]
    for domain, words in found.items():
        lines += [
            f"[{domain or 'ai.onnx'}]",
            *textwrap.wrap(" ".join(words), 119, break_on_hyphens=False, break_long_words=False),
        ]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print({domain or "ai.onnx": len(words) for domain, words in found.items()})


if __name__ == "__main__":
    main()
