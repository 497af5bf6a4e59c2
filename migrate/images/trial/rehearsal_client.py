"""Runs inside the rehearsed container: HTTP calls to the server beside it, asked for and answered in JSON lines.

Standard library only, and nothing of this package: the text of this file is handed to the container's Python.
"""

import base64
import http.client
import json
import re
import sys
import time
from pathlib import Path

LONGEST = 64 << 20  # bytes of an answer


def wait(path: str, seconds: float) -> dict[str, object]:
    """Ask until the answer is 200 and nothing is still loading, for so many seconds; the last answer is told."""
    last: dict[str, object] = {"status": 0}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        asked = time.monotonic()
        try:
            last = call(http.client.HTTPConnection("127.0.0.1", 8080, timeout=5), "GET", path, {}, b"")
        except (OSError, ValueError, http.client.HTTPException):
            time.sleep(0.01)
            continue
        if last["status"] == 200 and not loads(str(last["body"])):
            break
        time.sleep(pause(time.monotonic() - asked))
    return last


def loads(body: str) -> bool:
    """Whether a server that is ready says of some models that they are still being loaded."""
    try:
        said = json.loads(base64.b64decode(body))
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and bool(said.get("loading"))


def pause(took: float) -> float:
    """Seconds until the next question, from those that the last one took.

    On a busy machine a question takes long, and its answer takes processor time from the loading that it asks about.
    """
    return min(1.0, max(0.02, 4 * took))


def call(
    connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], body: bytes
) -> dict[str, object]:
    """One request; the body travels as Base64."""
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    content = answer.read(LONGEST + 1)
    if len(content) > LONGEST:
        message = f"an answer of more than {LONGEST >> 20} MB"
        raise ValueError(message)
    return {
        "status": answer.status,
        "headers": answer.getheaders(),
        "body": base64.b64encode(content).decode(),
    }


def peak() -> dict[str, object]:
    """The most memory that the server's process has held, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/1/status").read_text())
    return {"bytes": int(found[1]) * 1024 if found else None}


def main() -> None:
    """Answer each line with a line."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080)
    for line in sys.stdin:
        asked = json.loads(line)
        answer: dict[str, object]
        try:
            if asked["do"] == "wait":
                answer = wait(asked["path"], asked["seconds"])
            elif asked["do"] == "peak":
                answer = peak()
            else:
                connection.timeout = asked["timeout"]
                answer = call(
                    connection, asked["method"], asked["path"], asked["headers"], base64.b64decode(asked["body"])
                )
        except (OSError, ValueError, http.client.HTTPException) as error:
            connection.close()
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
