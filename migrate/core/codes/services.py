"""What a service elsewhere did: OVHcloud's API, object storage, AI Deploy, the old endpoint, a registry."""

from collections.abc import Mapping
from typing import Final, Literal

from migrate.core.codes.meaning import Meaning
from migrate.core.text import type_again

ServiceCode = Literal[
    "network",
    "rate-limited",
    "remote-unavailable",
    "conflict",
    "unexpected-answer",
    "maybe-done",
    "storage-unavailable",
    "insecure-url",
    "truncated-download",
    "corrupt-download",
    "object-gone",
    "object-changed",
    "object-unreadable",
    "encoded-object",
    "old-endpoint-gone",
    "no-description",
    "app-timeout",
    "app-error",
    "app-image",
    "app-architecture",
    "app-probe",
    "app-memory",
    "app-failed",
    "app-stopped",
    "app-gone",
    "app-of-another-run",
    "lease-held",
    "lease-lost",
    "would-drop-models",
    "user-not-ready",
    "no-token",
    "registry-unreachable",
    "registry-failed",
    "registry-full",
    "push-failed",
]

SERVICES: Final[Mapping[ServiceCode, Meaning]] = {
    "network": Meaning(
        "remote",
        "The service cannot be reached: no connection, no TLS, or no answer in time.",
        type_again("Check the network, the proxy and the certificates of this machine"),
    ),
    "rate-limited": Meaning(
        "remote", "OVHcloud answers that there are too many requests, also after waiting.", type_again("Wait a minute")
    ),
    "remote-unavailable": Meaning(
        "remote",
        "OVHcloud fails on its side (HTTP 5xx); what may be sent twice was tried several times.",
        type_again("Wait a while"),
    ),
    "conflict": Meaning(
        "remote", "OVHcloud sees a conflict with something that happens at the same time.", type_again()
    ),
    "unexpected-answer": Meaning(
        "remote",
        "An answer is not what the service's API describes.",
        "Update this tool; if it is the newest version, report the line, with the query id where there is one.",
    ),
    "maybe-done": Meaning(
        "remote",
        "The connection broke after a request was sent, so it may have been carried out.",
        type_again(note="it looks for what exists before it makes anything"),
    ),
    "storage-unavailable": Meaning(
        "remote",
        "The object storage does not give a file or a list, also after several tries.",
        type_again("Wait a while", note="it goes on where it stopped"),
    ),
    "insecure-url": Meaning(
        "remote",
        "The address of the object storage is not https, so nothing is sent to it.",
        "Report it: OVHcloud's own addresses are https.",
    ),
    "truncated-download": Meaning(
        "remote", "The storage ends a file too early, several times.", type_again(note="it goes on where it stopped")
    ),
    "corrupt-download": Meaning(
        "remote",
        "A file does not have the checksum that the storage says.",
        type_again(note="if it stays so, the object is damaged and must be uploaded anew"),
    ),
    "object-gone": Meaning(
        "remote",
        "A file is listed in the container and not there: it was deleted meanwhile, or has expired, or is a link to "
        "nothing.",
        type_again("Upload it again, or delete it if the model does not need it"),
    ),
    "object-unreadable": Meaning(
        "you",
        "The storage lists a file and does not give it: a segment of a large object is missing, access to it is "
        "refused, or what is stored is damaged.",
        type_again("Upload it again, or delete it if the model does not need it"),
    ),
    "encoded-object": Meaning(
        "you",
        "A file is stored with a Content-Encoding that is not undone; gzip and deflate are.",
        type_again("Upload it again without one"),
    ),
    "object-changed": Meaning(
        "remote",
        "A file changed in the container while it was downloaded.",
        type_again("Wait until nobody writes to the container"),
    ),
    "old-endpoint-gone": Meaning(
        "remote",
        "The old endpoint does not answer as ML Serving did. The run goes on with the next best proof.",
        "Nothing, or give your own requests and answers with --samples.",
    ),
    "no-description": Meaning(
        "remote",
        "The old endpoint gives no description of the model. The run goes on with the next best proof.",
        "Nothing, or check the old URL and the token.",
    ),
    "app-timeout": Meaning(
        "remote",
        "An app does not reach the state that was asked for in time; it exists, and is billed while it runs.",
        type_again(note="it goes on waiting for the same app"),
    ),
    "app-error": Meaning(
        "remote", "AI Deploy failed to run the app, on the platform's side.", type_again("Wait a while")
    ),
    "app-image": Meaning(
        "you",
        "AI Deploy cannot pull the app's image: it is not in the registry, or the registry is not reached, or its "
        "login is refused.",
        type_again("See that the image is there and that the registry's login is good"),
    ),
    "app-architecture": Meaning(
        "you",
        "The app's image is for another architecture than linux/amd64, which is all that AI Deploy runs.",
        type_again("Leave out --base-image, or name one for linux/amd64"),
    ),
    "app-probe": Meaning(
        "you",
        "The app's container runs, and its probe never passed: the server did not become ready.",
        type_again("Read the log in the message, and correct it, or give the app more CPUs with --cpus"),
    ),
    "app-memory": Meaning(
        "you",
        "The app's container used more memory than a replica has, and was killed.",
        type_again("Give each replica more memory, which follows its CPUs", adding="--cpus NUMBER"),
    ),
    "app-failed": Meaning(
        "you",
        "AI Deploy could not run the app, for another reason than those above: its container may have ended.",
        type_again("Read the reason and the log in the message, and correct it"),
    ),
    "app-stopped": Meaning(
        "you",
        "Somebody or something stopped the app while it was awaited.",
        type_again("Start it in the control panel, or delete it with `migrate undo`"),
    ),
    "app-gone": Meaning("remote", "The app was deleted while it was awaited.", type_again(note="it makes another")),
    "app-of-another-run": Meaning(
        "you",
        "An app that another run of this tool made serves this model.",
        type_again("Take it over with --adopt, or undo it where it was made"),
    ),
    "lease-held": Meaning(
        "remote",
        "Another machine works on this source; the message says who, and since when (--state).",
        type_again("Wait until it has ended", note="a machine that died loses its lease a minute later"),
    ),
    "lease-lost": Meaning(
        "remote",
        "This machine did not renew its lease in time, because it slept or lost the folder of --state, and another "
        "one works on the source now. It stopped before it made anything more.",
        type_again("Wait until the other machine has ended", note="it goes on where it stopped"),
    ),
    "would-drop-models": Meaning(
        "you",
        "The app serves models that would not be in the new image.",
        type_again("Repair those models first, or undo the app"),
    ),
    "user-not-ready": Meaning(
        "remote", "The user that was made for pushing to the shared registry does not become ready.", type_again()
    ),
    "no-token": Meaning(
        "remote", "OVHcloud made an access token and did not answer its value; it was deleted again.", type_again()
    ),
    "registry-unreachable": Meaning(
        "remote", "The registry does not answer.", type_again("Check its address and the network")
    ),
    "registry-failed": Meaning(
        "remote",
        "The registry answers in a way that it cannot be used.",
        type_again(note="if it stays so, ask who runs the registry"),
    ),
    "registry-full": Meaning(
        "remote",
        "The registry has no space left, or the project's quota there is used up.",
        type_again("Delete images there that nothing uses, have the quota raised, or name another --registry"),
    ),
    "push-failed": Meaning(
        "remote",
        "The image did not arrive at the registry, or not as it was sent.",
        type_again(note="layers that arrived are not sent twice"),
    ),
}
