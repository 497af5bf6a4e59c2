"""What became of a model when it was fetched, tried and compared."""

from collections.abc import Mapping
from typing import Final, Literal

from migrate.core.codes.meaning import Meaning
from migrate.core.text import type_again

ModelCode = Literal[
    "preset-image",
    "no-storage-path",
    "no-files",
    "sealed-archive",
    "hostile-path",
    "unsafe-file-name",
    "reference-failed",
    "reference-timeout",
    "verification-differs",
    "rehearsal-failed",
    "rehearsal-timeout",
    "rehearsal-differs",
    "not-ready",
    "out-of-memory",
    "too-many-processes",
    "blamed",
    "answers-differ",
    "conversion-failed",
    "conversion-timeout",
    "conversion-emulated",
    "conversion-differs",
    "not-planned",
]

MODELS: Final[Mapping[ModelCode, Meaning]] = {
    "preset-image": Meaning(
        "you",
        "The model was a preset of ML Serving: OVHcloud's own image, whose files never were in your storage.",
        "Choose a public model for the same task, put its files into a folder, and migrate that.",
    ),
    "no-storage-path": Meaning(
        "you",
        "ML Serving's record of the model does not say where its files lie.",
        "Look for them in the namespace's container, and migrate that: `migrate run CONTAINER@REGION`.",
    ),
    "no-files": Meaning(
        "you",
        "There are no files where the model's record says.",
        "Put the files there, or give the source where they lie now.",
    ),
    "sealed-archive": Meaning(
        "you",
        "The files lie sealed in a cold archive.",
        type_again("Unseal the container in the control panel, and wait until it is unsealed"),
    ),
    "hostile-path": Meaning(
        "file",
        "A file's name could lead out of the model's folder, or means two files on some systems; or it is a "
        "link out of the folder, a pipe or a device.",
        type_again("Rename or remove it where the model's files lie"),
    ),
    "unsafe-file-name": Meaning(
        "file", "A file's name cannot be put into an image.", type_again("Rename it in the model's storage")
    ),
    "reference-failed": Meaning(
        "file",
        "The model's own engine does not load the model, or ended while it ran it.",
        "Export the model again with a current version of its framework. For PMML, the message names the other engine.",
    ),
    "reference-timeout": Meaning(
        "file",
        "The model's own engine gave no answer in time.",
        "Give it more time with --rehearsal-timeout, or your own answers with --samples.",
    ),
    "verification-differs": Meaning(
        "file",
        "The model's own engine gives other results than the file states for its own rows (`<ModelVerification>` of "
        "PMML). Nothing was built.",
        "The message names the other engine. If neither gives them, give answers of your own with --samples.",
    ),
    "rehearsal-failed": Meaning(
        "file",
        "The server ended, or gave no answer, while the image was tried here. Nothing was pushed.",
        "Export the model again with a current version of its framework; `migrate why` shows the server's last lines.",
    ),
    "rehearsal-timeout": Meaning(
        "file",
        "One request took too long while the image was tried here. Nothing was pushed.",
        "See what is in the model's files: it takes too long for a single row.",
    ),
    "rehearsal-differs": Meaning(
        "bug",
        "The new image answers differently from the reference while it was tried here. Nothing was pushed.",
        "Do not use the image. See every difference with `migrate why`, and report it with the model's signature.",
    ),
    "not-ready": Meaning(
        "file",
        "The server did not become ready in time while the image was tried here. Nothing was pushed.",
        "Give a large model more time with --rehearsal-timeout.",
    ),
    "out-of-memory": Meaning(
        "file",
        "The model needs more memory than its flavor on ML Serving had, or than the smallest app has.",
        "Run an inventory file with the flavor's ramMB if it needs more; else see what is in its files.",
    ),
    "too-many-processes": Meaning(
        "file",
        "The model starts processes or threads without end.",
        "It cannot be served as it is: see what is in its files.",
    ),
    "blamed": Meaning(
        "file",
        "Some of the models that share an image cannot go on; each has a reason of its own.",
        "Correct those, or move the others without them with --model.",
    ),
    "answers-differ": Meaning(
        "file",
        "The app answers differently from the reference.",
        "Do not move clients to it. See every difference with `migrate why`; delete the app, which is billed "
        "until then, with `migrate undo`.",
    ),
    "conversion-failed": Meaning(
        "file",
        "The model cannot be converted to ONNX. With --slim its original runtime serves it.",
        "Nothing; or leave --slim out.",
    ),
    "conversion-timeout": Meaning(
        "file",
        "The conversion to ONNX took too long. With --slim the original runtime serves the model.",
        "Nothing; or give it more time with --rehearsal-timeout.",
    ),
    "conversion-emulated": Meaning(
        "machine",
        "Models are converted to ONNX on x86-64 only, and the container engine is another machine's. With "
        "--slim the original runtime serves the model.",
        "Nothing; or run on an x86-64 machine.",
    ),
    "conversion-differs": Meaning(
        "file",
        "The converted file is not the model: its inputs and outputs are others. With --slim the original "
        "runtime serves it.",
        "Nothing; or leave --slim out.",
        ("unreadable",),
    ),
    "not-planned": Meaning(
        "you",
        "The plan that was applied makes no app for the model: its files were refused when it was made, or not known.",
        "See with `migrate show` why, correct the files, and plan again.",
    ),
}
