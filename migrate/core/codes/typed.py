"""What was typed, or chosen: the command, its source, its options."""

from collections.abc import Mapping
from typing import Final, Literal

from migrate.core.codes.meaning import Meaning
from migrate.core.text import type_again

TypingCode = Literal[
    "usage",
    "needs-answer",
    "declined",
    "bad-source",
    "ambiguous-source",
    "bad-digest",
    "bad-registry",
    "bad-reference",
    "bad-identifier",
    "bad-state",
    "no-such-folder",
    "no-such-file",
    "bad-inventory",
    "same-id",
    "no-models",
    "unknown-model",
    "no-journal",
    "several-journals",
    "shares-app",
    "several-runtimes",
    "not-empty",
    "no-samples-folder",
    "broken-sample",
    "samples-without-answers",
    "proof-too-weak",
    "no-sample-accepted",
    "bad-plan",
    "bad-prices",
    "stale-plan",
    "other-plan",
    "unpinned-plan",
    "interrupted",
    "undone",
    "bad-case",
    "other-case",
    "stale-case",
    "case-exists",
]

TYPING: Final[Mapping[TypingCode, Meaning]] = {
    "usage": Meaning(
        "you",
        "The command line cannot be read: an unknown command or option, a missing argument, or a value of the"
        " wrong kind.",
        "See the help of the command, which the message names.",
    ),
    "needs-answer": Meaning(
        "you",
        "The command asks before it makes or deletes something, and there is no terminal to ask at.",
        "Add the option that the message names: it is the answer.",
    ),
    "declined": Meaning(
        "you",
        "You answered no. Nothing was made or deleted.",
        "Nothing; the command asks again when it is typed again.",
    ),
    "bad-source": Meaning(
        "you",
        "SOURCE is empty, or none of a namespace id, name@REGION[/prefix], s3://bucket[/prefix], a folder, and an"
        " inventory file.",
        "Write it in one of these forms; `migrate list` shows what the project has.",
    ),
    "ambiguous-source": Meaning(
        "you",
        "The project has a Swift container and an S3 bucket of this name in this region, or a bucket of this name was"
        " read at another endpoint before, or the models were moved under another name of the same place.",
        "Type swift:NAME@REGION or s3:NAME@REGION, or the name that the message gives; set AWS_ENDPOINT_URL as before,"
        " or name another --workspace.",
    ),
    "bad-digest": Meaning(
        "you",
        "The value of --allow-unsafe is not the digest of a file.",
        "Copy it from the task of the quarantined model: sha256: and 64 hexadecimal digits in lower case.",
    ),
    "bad-registry": Meaning("you", "The value of --registry begins with no host.", "Write it as HOST[/PATH]."),
    "bad-reference": Meaning(
        "you",
        "A name of an image is not one that container engines take.",
        "Write it as registry/name:tag, in lower case.",
    ),
    "bad-identifier": Meaning(
        "you",
        "A name that was typed cannot be part of a call to OVHcloud: it is empty or a relative path.",
        "Correct the name of the project, the namespace or the container.",
    ),
    "bad-state": Meaning(
        "you",
        "The value of --state is no folder: neither a path nor a file: URL of this machine.",
        "Give the path of a folder on a disk that the machines share.",
    ),
    "no-such-folder": Meaning("you", "There is no folder at this path.", "Check the path."),
    "no-such-file": Meaning(
        "you",
        "There is no inventory file or base image at this path, or it cannot be read.",
        "Check the path and the rights of the file.",
    ),
    "bad-inventory": Meaning(
        "you",
        "The inventory file is not what ML Serving's API answered: it is no JSON, or has another form.",
        'Give it the form {"namespace": {...}, "models": [...], "tokens": [...]}.',
    ),
    "same-id": Meaning(
        "you",
        "Several models of the source have one id, by which everything made for a model is known. Nothing was made.",
        "Give each model an id of its own in an inventory file; where its files lie does not change.",
    ),
    "no-models": Meaning(
        "you", "The source holds no model.", "See with `migrate list` what lies there, and what was ignored and why."
    ),
    "unknown-model": Meaning(
        "you",
        "The source, or its journal, has no model of this id.",
        "Take an id that `migrate list` or `migrate status` shows.",
    ),
    "no-journal": Meaning(
        "you",
        "Nothing was run on this source, in this workspace and in the project and behind the endpoint that were named,"
        " so there is nothing to tell or to undo.",
        "Name the project of the run with --project, or its workspace with --workspace.",
    ),
    "several-journals": Meaning(
        "you",
        "The source is known in several projects or behind several endpoints, and none was named.",
        "Name the project with --project, and the endpoint with OVH_ENDPOINT.",
    ),
    "shares-app": Meaning(
        "you",
        "The model shares its app with others: an undo of one would take the others down, or a failure of one"
        " has given all of them the former image back.",
        type_again("Name the others too, or correct the ones that fail"),
    ),
    "several-runtimes": Meaning(
        "you", "The folder holds models of several runtimes, and an image has one.", "Name the folder of one model."
    ),
    "not-empty": Meaning(
        "you", "The value of --out is a file, or a folder with something in it.", "Name a new one, or empty it."
    ),
    "no-samples-folder": Meaning(
        "you", "The value of --samples is not a folder.", "Name the folder that holds MODEL/*.json."
    ),
    "broken-sample": Meaning(
        "you",
        "A file of the samples is no JSON object, is too large, or has a request, answer or status of another form.",
        'Correct the file: {"request": {...}, "answer": {...}}.',
    ),
    "samples-without-answers": Meaning(
        "you",
        "None of the samples has an answer, so nothing can be compared.",
        'Add "answer" to the files, or leave --samples out.',
    ),
    "proof-too-weak": Meaning(
        "you",
        "The app answers, but the proof is below the level that --proof asks for.",
        "Give your own requests and answers with --samples, or ask for less with --proof.",
    ),
    "no-sample-accepted": Meaning(
        "you",
        "No sample request got an answer that can be used: the model takes other inputs than those that were "
        "made for it.",
        "Put requests that it takes into a folder and give it with --samples.",
    ),
    "bad-plan": Meaning(
        "you",
        "The file is no plan of this version's form, somebody has changed it, or its parts contradict each other."
        " Nothing in it was used.",
        "Make it anew with `migrate plan SOURCE --out FILE`.",
    ),
    "bad-prices": Meaning(
        "you",
        "The value of --prices is no list of prices: no TOML or JSON, an unknown field, or what is no amount in EUR.",
        "Write it as docs/plan.md says.",
    ),
    "stale-plan": Meaning(
        "you",
        "What the plan rests on has changed since it was made: the message names each field, from what to what."
        " Nothing was made.",
        "Plan again, review what is new, and apply that.",
    ),
    "other-plan": Meaning(
        "you",
        "The plan's digest is not the one that --expect names. Nothing was made.",
        "Apply the file that was reviewed, or review this one and give its digest.",
    ),
    "unpinned-plan": Meaning(
        "you",
        "The plan lets files run code, names a registry or a base image, takes over apps or opens the storage, and"
        " --yes answers for it without having seen it. Nothing was made.",
        "Name the digest of the plan that was reviewed with --expect, or leave --yes out.",
    ),
    "interrupted": Meaning(
        "you",
        "The run was stopped by Ctrl-C or a signal. Nothing was left half-done.",
        type_again(note="it goes on where it stopped"),
    ),
    "bad-case": Meaning(
        "you",
        "The file is no case that `migrate state export` wrote, or it is damaged, cut or too large. Nothing was taken "
        "over.",
        "Copy the file again from the machine that exported it, and compare their sizes.",
    ),
    "other-case": Meaning(
        "you",
        "The case is of another source, project or endpoint than those that were named. Nothing was taken over.",
        "Name the source that the message gives, with its project and endpoint.",
    ),
    "stale-case": Meaning(
        "you",
        "Somebody worked on the source after the case was exported: the lease in the folder of --state has been taken "
        "since. Nothing was taken over.",
        "Have the case exported again on the machine that worked on it last.",
    ),
    "case-exists": Meaning(
        "you",
        "Something is known of the source here, and a case takes no other journal's place.",
        "Go on with what is here, or name another --workspace.",
    ),
    "undone": Meaning(
        "you", "What was made for this model was deleted by `migrate undo`.", "Nothing; `migrate run` makes it anew."
    ),
}
