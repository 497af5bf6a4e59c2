"""The golden folder as it is written: cases with their requests and answers, models, and vectors of single rules.

The form is that which ``scripts/conformance.py`` reads; ``subject`` of a case is ours, for counting.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from golden.java import Array, Java
from golden.pictures import png

JSON = "application/json"
ANSWER = {"Content-Type": "application/json;charset=utf-8"}
Check = tuple[str, object] | tuple[str, object, float]


class Golden:
    """What is written into a folder, which begins empty.

    Attributes:
        java: Java itself.
        models: The folder of the models.
    """

    def __init__(self, out: Path) -> None:
        self.java = Java()
        self.models = out / "_models"
        self._out = out
        self._cases: list[dict[str, Any]] = []
        self._vectors: dict[str, list[dict[str, Any]]] = {}
        for name in ("_models", "requests", "answers"):
            shutil.rmtree(out / name, ignore_errors=True)
            (out / name).mkdir(parents=True)

    def describe(self, subject: str, model: str, expected: Mapping[str, object], **more: Any) -> None:
        """``GET /describe``; the text is compact, its keys in the order given."""
        text = json.dumps(expected, separators=(",", ":"), ensure_ascii=False)
        self.case(f"describe_{model}", subject, model, call="GET /describe", text=text, kind=JSON, **more)

    def case(
        self,
        name: str,
        subject: str,
        model: str,
        body: object = None,
        *,
        call: str = "POST /eval",
        content_type: str | None = JSON,
        headers: Mapping[str, str] | None = None,
        **answer: Any,
    ) -> None:
        """A request and what is expected of its answer.

        Args:
            name: Its name, also of its files.
            subject: What it is about.
            model: The model's folder.
            body: Bytes or text as they are, anything else as JSON.
            call: Method and path.
            content_type: That of the request; None for a request without a body, or without the header.
            headers: More headers.
            answer: Its ``status`` (200), its ``kind`` (content type, JSON; None where it does not matter), and one of
                ``text`` (the whole body), ``tensors`` (a JSON body of these, all of it), ``checks`` (path, value and
                perhaps tolerance each), ``json`` (a JSON body), ``message`` (an error), ``picture`` (pixels), ``parts``
                (a multipart body), or none.
        """
        if any(case["case"] == name for case in self._cases):
            raise ValueError(f"two cases {name}")
        sent = dict(headers or {})
        if content_type is not None and body is not None:
            sent["Content-Type"] = content_type
        status = answer.pop("status", 200)
        kind = answer.pop("kind", ANSWER["Content-Type"])
        expect: dict[str, Any] = {"status": status}
        if kind is not None:
            expect["headers"] = {"Content-Type": JSON if status >= 400 else kind}
        expect |= self._expectation(name, answer, status)
        method, path = call.split(" ")
        request = {"method": method, "path": path, "headers": sent, "body_file": self._request(name, body, sent)}
        entry = {"case": name, "subject": subject, "model_dir": f"_models/{model}"}
        self._cases.append({**entry, "request": request, "expect": expect})

    def vector(self, rule: str, **content: object) -> None:
        """A vector of a single rule."""
        self._vectors.setdefault(rule, []).append(content)

    def picture_file(self, path: str, content: bytes) -> str:
        """A picture that vectors name."""
        (self._out / path).parent.mkdir(exist_ok=True)
        (self._out / path).write_bytes(content)
        return path

    def finish(self) -> None:
        """Write the index and the vectors."""
        rules = (f"{_text(rule)}: {_lines(vectors)}" for rule, vectors in self._vectors.items())
        (self._out / "index.json").write_text(_lines(self._cases) + "\n", encoding="utf-8")
        (self._out / "unit_vectors.json").write_text("{\n" + ",\n".join(rules) + "\n}\n", encoding="utf-8")

    def answer_text(self, tensors: Mapping[str, Array], *, simplify: bool = True) -> str:
        """The JSON of an answer: names in the order of a map, numbers as Java writes them, no dimension of one."""
        parts = (f"{_text(name)}:{self._values(tensors[name], simplify)}" for name in self.java.map_order(tensors))
        return "{" + ",".join(parts) + "}"

    def values_text(self, values: Array) -> str:
        """The JSON of one tensor of an answer."""
        return self._values(values, simplify=True)

    def _values(self, values: Array, simplify: bool) -> str:
        return self._list(values.reshape([size for size in values.shape if size != 1]) if simplify else values)

    def _list(self, values: Array) -> str:
        if values.ndim:
            return "[" + ",".join(self._list(values[place, ...]) for place in range(len(values))) + "]"
        value = values[()]
        if isinstance(value, np.float32 | np.float64):
            text = self.java.text(value)
            return _text(text) if text.strip("-") in ("NaN", "Infinity") else text
        return _text(value.item() if isinstance(value, np.generic) else value)

    def _request(self, name: str, body: object, sent: Mapping[str, str]) -> str | None:
        if body is None:
            return None
        content = body if isinstance(body, bytes) else (body if isinstance(body, str) else _text(body)).encode()
        kind = sent.get("Content-Type", "").partition(";")[0]
        ending = {JSON: "json", "image/png": "png", "image/jpeg": "jpg", "multipart/form-data": "multipart"}.get(kind)
        path = f"requests/{name}.{ending or 'bin'}"
        (self._out / path).write_bytes(content)
        return path

    def _expectation(self, name: str, expected: Mapping[str, Any], status: int) -> dict[str, Any]:
        match dict(expected):
            case {"message": message}:
                return {"json": {"status": status, "message": message}}
            case {"json": document}:
                return {"json": document}
            case {"checks": checks}:
                return {"assert": [_check(*check) for check in checks]}
            case {"tensors": tensors, **rest}:
                text = self.answer_text(tensors, simplify=not rest.get("whole"))
                return self._answer(name, "json", text.encode(), "bytes")
            case {"text": text, **rest}:
                return self._answer(name, rest.get("ending", "json"), text.encode(), rest.get("compare", "bytes"))
            case {"picture": pixels, **rest}:
                compared = {"tolerance": rest["tolerance"]} if "tolerance" in rest else {}
                return self._answer(name, "png", png(np.asarray(pixels)), "picture") | compared
            case {"parts": parts, **rest}:
                compared = {"tolerance": rest.get("tolerance", 0)}
                return self._answer(name, "multipart", multipart(parts), "multipart-parts") | compared
        return {}

    def _answer(self, name: str, ending: str, content: bytes, compare: str) -> dict[str, Any]:
        path = f"answers/{name}.{ending}"
        (self._out / path).write_bytes(content)
        return {"body_file": path, "compare": compare}


Part = tuple[Mapping[str, str], bytes]


def multipart(parts: Sequence[Part], *, boundary: str = "golden", end: bytes | None = None) -> bytes:
    """A multipart body of headers and contents."""
    pieces = []
    for headers, content in parts:
        lines = [f"--{boundary}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        pieces.append("\r\n".join(lines).encode() + content + b"\r\n")
    return b"".join(pieces) + (f"--{boundary}--\r\n".encode() if end is None else end)


def answer_part(name: str, kind: str, content: bytes) -> Part:
    """A part of an answer, with the headers that the old runtime gave it."""
    ending = {JSON: "json", "image/png": "png", "image/jpeg": "jpg"}[kind]
    return {
        "Content-Type": kind,
        "Content-Disposition": f'form-data; name="{name}"; filename="{name}.{ending}"',
    }, content


def write_json(path: Path, content: object) -> None:
    """A JSON file in lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(entries: Sequence[object]) -> str:
    """A list with a line for each entry."""
    return "[\n" + ",\n".join(map(_text, entries)) + "\n]"


def _check(path: str, value: object, tolerance: float = 0) -> dict[str, object]:
    return {"path": path, "value": value, "tolerance": tolerance} if tolerance else {"path": path, "value": value}
