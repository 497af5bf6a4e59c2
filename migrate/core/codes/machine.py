"""What this machine lacks or refuses: the disk, the container engine, Python, the journal."""

from collections.abc import Mapping
from typing import Final, Literal

from migrate.core.codes.meaning import Meaning
from migrate.core.text import type_again

MachineCode = Literal[
    "disk-full",
    "disk",
    "artifact-unreadable",
    "file-changed",
    "engine-not-running",
    "engine-failed",
    "engine-unlimited",
    "no-box",
    "box-failed",
    "pull-failed",
    "base-unusable",
    "build-failed",
    "blob-damaged",
    "image-missing",
    "wheels-failed",
    "no-python",
    "cpu-unsupported",
    "journal-locked",
    "journal-unusable",
    "journal-damaged",
    "journal-format",
    "journal-value",
    "state-unusable",
    "sandbox",
    "sandbox-missing",
    "bug",
    "unknown-runtime",
    "locale",
]

MACHINE: Final[Mapping[MachineCode, Meaning]] = {
    "disk-full": Meaning(
        "machine",
        "There is no space left on this machine, or where the container engine keeps its images, or less than what is "
        "about to be written: the download, the image's layers and the engine's copy count before the first byte.",
        type_again("Free some space"),
    ),
    "disk": Meaning(
        "machine",
        "This machine does not let a file be read or written.",
        type_again("Correct the rights of the file or folder in the message, or name another folder with --workspace"),
    ),
    "artifact-unreadable": Meaning(
        "machine",
        "A file that was fetched cannot be read, or is a link or a device by now.",
        type_again("Check the disk and the rights of that folder", note="missing files are fetched anew"),
    ),
    "file-changed": Meaning(
        "machine",
        "A file changed between being fetched and being put into an image.",
        type_again(note="what is missing is fetched or made anew"),
    ),
    "engine-not-running": Meaning(
        "machine",
        "No container engine answers, or this user may not use it.",
        type_again("Start Docker or Podman, or point DOCKER_HOST at an engine"),
    ),
    "engine-failed": Meaning(
        "machine",
        "The container engine refuses or fails, for the reason in the message.",
        type_again("See that the engine works (docker info)"),
    ),
    "engine-unlimited": Meaning(
        "machine",
        "The container engine leaves out the limits of memory or processes, as Podman of an ordinary user does with "
        "cgroups of version 1, so files that run code are not loaded.",
        type_again("Use Docker, Podman as root, or a machine with cgroups of version 2"),
    ),
    "no-box": Meaning(
        "machine",
        "No image can be run on this machine without a container engine: bubblewrap is missing, or the kernel gives "
        "this user no name spaces.",
        type_again("Install bubblewrap (Debian: apt-get install bubblewrap), or start a container engine"),
    ),
    "box-failed": Meaning(
        "machine",
        "A program could not be started in a box of bubblewrap, for the reason in the message.",
        type_again("See that `bwrap` works for this user, or use a container engine"),
    ),
    "pull-failed": Meaning(
        "machine",
        "The container engine cannot pull an image.",
        type_again("Check its name and that the engine reaches its registry"),
    ),
    "base-unusable": Meaning(
        "machine",
        "There is no base image that can be used: it cannot be pulled, or is not Linux for x86-64 with "
        "CPython 3.11 to 3.13 and glibc 2.28 or newer.",
        "Name another one with --base-image.",
    ),
    "build-failed": Meaning(
        "machine",
        "The container engine could not build the image, for the reason in the message.",
        type_again("See that the engine has space and works (docker info)"),
    ),
    "blob-damaged": Meaning(
        "machine",
        "The bytes of a layer are not those that its digest names: a disk spoiled them, or the file of a base image is "
        "not whole.",
        type_again(note="what this tool made is made anew"),
    ),
    "image-missing": Meaning(
        "machine", "An image that was made is no longer on the engine.", type_again(note="it is built anew")
    ),
    "wheels-failed": Meaning(
        "machine",
        "The Python packages of a runtime cannot be fetched or installed.",
        type_again("See that this machine reaches a Python package index, as uv or pip is set up"),
    ),
    "no-python": Meaning(
        "machine",
        "Compiling a runtime's packages needs the image's Python or a container engine, and neither is here.",
        type_again("Start Docker, or install the Python that the message names"),
    ),
    "cpu-unsupported": Meaning(
        "machine",
        "The processor, or the emulation of one, lacks what the runtime needs (AVX). This says nothing about "
        "the model.",
        type_again("Go to an x86-64 machine with AVX, or point DOCKER_HOST at an engine on one"),
    ),
    "journal-locked": Meaning(
        "machine",
        "Another run works on this source in this workspace.",
        type_again("Wait until it has ended, or stop it with Ctrl-C"),
    ),
    "journal-unusable": Meaning(
        "machine",
        "The journal cannot be read or written.",
        type_again("Check the free space and the rights of its folder"),
    ),
    "journal-damaged": Meaning(
        "machine",
        "The journal's file is damaged.",
        "Restore it from a backup, or move it away and adopt its apps with `migrate run --adopt`.",
    ),
    "journal-format": Meaning(
        "machine",
        "The journal was written by a newer release of this tool.",
        "Use that release, or name another --workspace.",
    ),
    "journal-value": Meaning(
        "machine",
        "A value in the journal cannot be read: it is damaged, or of a newer release of this tool.",
        "Use the newest release. A run makes a damaged value again, and undo deletes what was recorded all the same.",
    ),
    "state-unusable": Meaning(
        "machine",
        "The folder of --state is not there, or cannot be read or written.",
        type_again("Check that the share is mounted on this machine, and your rights in it"),
    ),
    "sandbox": Meaning(
        "machine",
        "The sandbox cannot be started, stopped or told to fail, for the reason in the message.",
        "See how it is with `migrate sandbox status`; stop it, then start it.",
    ),
    "sandbox-missing": Meaning(
        "machine",
        "The packages that the sandbox needs are not installed.",
        "Install the tool with its extra: pipx install 'mlserving-migrate[sandbox]'.",
    ),
    "bug": Meaning(
        "bug",
        "This tool failed; its traceback is on standard error.",
        "Report the traceback. The other models went on; the same command tries this one again.",
    ),
    "unknown-runtime": Meaning(
        "bug",
        "This version has no image for a runtime that it chose itself.",
        "Report it with what `migrate why` says of the model.",
    ),
    "locale": Meaning(
        "machine",
        "The name of a file cannot be written in this machine's locale.",
        type_again("Set a locale of UTF-8, for example with export LC_ALL=C.UTF-8"),
    ),
}
