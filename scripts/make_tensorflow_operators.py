"""Write migrate/formats/tensorflow/operators.txt: what each operator of TensorFlow may do to whoever runs it.

Run it in the environment of the runtime ``tensorflow`` (``migrate serve`` makes one, or uv from its lock):

    python scripts/make_tensorflow_operators.py
"""

import re
import textwrap
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.framework import kernels

TARGET = Path(__file__).parents[1] / "migrate" / "formats" / "tensorflow" / "operators.txt"

# Every graph has them, and no signature of a model reaches them: the loader gives them the model's own files.
CHECKPOINT = ("SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename", "ShardedFilespec")

# Reads the vocabulary that belongs to the model; looked at one by one.
VOCABULARY = ("InitializeTableFromTextFile", "InitializeTableFromTextFileV2")

# Files, the network, Python, other processes and devices, the machine itself. What is not pure computation is left out
# by family, so that an operator that a new version brings is not allowed by accident of its name.
NOT_ALLOWED = re.compile(
    r"""
    Dataset | Iterator | Reader | Snapshot | Stats | (Compress|Single)Element$ | Uncompress | MemoryCache | ThreadPool
    | File | Checkpoint | Save | Restore | LMDB | Sql | RecordInput | ImmutableConst | Skipgram | NegTrain | Vocab
    | LoadAndRemap | FixedUnigram | DecodeProto | EncodeProto | ^Fact$ | ^ImportEvent$ | CustomAggregator | GetOptions
    | PyFunc | Rpc | Remote | Collective | Nccl | Send | Recv | Session | Worker | MultiDevice
    | ^Write | SummaryWriter | SummaryDb | GraphSummary | RawProto | PrintV2 | Debug | Dump | ^Copy
    | TPU | Tpu | ^Xla | Sdca | DTensor | Cudnn | Risc
    | Abort | Sleep | Barrier | Stage | Unstage | ^OrderedMap | ^Map(Clear|IncompleteSize|Peek|Size) | Stub | Kernel
    | Test | Fails | ^Old$ | Attr$ | DevicePlacement | ResourceCreateOp | ResourceUsingOp | ResourceInitializedOp
    | FakeQueue
    """,
    re.VERBOSE,
)

# Kernels of the device DEFAULT run on every device.
ON_CPU = ("CPU", "DEFAULT")

# Replaced before a graph runs, and so without any kernel.
WITHOUT_KERNEL = ("AccumulateNV2",)


def main() -> None:
    """Ask the installed TensorFlow for its operators, and write them by group."""
    listed: Any = op_def_pb2.OpList()
    listed.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    on_cpu = {kernel.op for kernel in kernels.get_all_registered_kernels().kernel if kernel.device_type in ON_CPU}
    # what begins with "_" is made by TensorFlow itself and refused in a file
    known = {op.name for op in listed.op if op.name[0] != "_"}
    names = sorted(known & {*on_cpu, *WITHOUT_KERNEL})
    special = {*CHECKPOINT, *VOCABULARY}
    groups = {
        "allowed": [name for name in names if name not in special and not NOT_ALLOWED.search(name)],
        "checkpoint": [name for name in CHECKPOINT if name in names],
        "vocabulary": [name for name in VOCABULARY if name in names],
    }
    hazards = [name for name in names if not any(name in group for group in groups.values())]
    stateful = {op.name for op in listed.op if op.is_stateful}
    groups["hazard"] = [name for name in hazards if name in stateful]
    # without a state, they are computed while a graph is read, where a shape depends on them
    groups["early"] = [name for name in hazards if name not in stateful]
    groups["elsewhere"] = sorted(known - set(names))
    made_by = f"scripts/{Path(__file__).name} makes this"
    lines = [f"# Operators of TensorFlow {tf.__version__}, those without a kernel for the CPU last; {made_by}."]
    for group, words in groups.items():
        lines += [f"[{group}]", *textwrap.wrap(" ".join(words), 119, break_on_hyphens=False, break_long_words=False)]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print({group: len(words) for group, words in groups.items()})


if __name__ == "__main__":
    main()
