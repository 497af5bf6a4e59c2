"""The page of a model: its signature, a place to try it, and Swagger UI, all from this server."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any, Final
from urllib.parse import quote

from migrate.server.model import Field, Model
from migrate.server.openapi import takes_image

HTML: Final = b"text/html;charset=utf-8"
# Nothing of the page comes from elsewhere. Swagger UI sets styles on elements and draws its icons from data URLs.
POLICY: Final = (
    b"default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
_FOLDER: Final = Path(__file__).parent
_OWN: Final = frozenset({"page.css", "page.js"})
_SWAGGER: Final = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js"})
_TYPES: Final = {".css": b"text/css;charset=utf-8", ".js": b"text/javascript;charset=utf-8"}


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / name).read_text(encoding="utf-8"))


def model_page(model: Model, example: dict[str, Any]) -> bytes:
    """The page of one model."""
    window = model.window
    note = f"<p>Rolling windows of {window} rows: send at least {window}.</p>" if window > 1 else ""
    text = _template("index.html").substitute(
        title=escape(model.title or model.id),
        signature=_table("Input", model, model.inputs) + _table("Output", model, model.outputs),
        window=note,
        image="yes" if takes_image(model) else "no",
        example=escape(_readable(example)),
    )
    return text.encode("utf-8", "replace")


def list_page(models: Iterable[Model], unserved: Mapping[str, str]) -> bytes:
    """The page that lists several models, and the reasons why others are not served, by their ids."""
    rows = "".join(
        f'<tr><td><a href="./{quote(model.id, safe="")}/">{escape(model.title or model.id)}</a></td>'
        f"<td>{_names(model.inputs)}</td><td>{_names(model.outputs)}</td></tr>"
        for model in models
    ) + "".join(
        f'<tr><td>{escape(name)}</td><td colspan="2" class="bad">Not served: {escape(reason)}</td></tr>'
        for name, reason in unserved.items()
    )
    return _template("list.html").substitute(rows=rows).encode("utf-8", "replace")


@cache
def asset(name: str) -> tuple[bytes, bytes] | None:
    """A style sheet or script by its name, with its type; None when there is none of that name."""
    if name in _OWN:
        path = _FOLDER / name
    elif name in _SWAGGER:
        spec = find_spec("swagger_ui_bundle")
        places = spec.submodule_search_locations if spec else None
        found = sorted(Path(place) for root in places or () for place in Path(root).glob(f"vendor/swagger-ui-*/{name}"))
        if not found:
            return None
        path = found[-1]
    else:
        return None
    return path.read_bytes(), _TYPES[path.suffix]


def _names(fields: Iterable[Field]) -> str:
    return ", ".join(f"<code>{escape(field.name)}</code>" for field in fields)


def _table(role: str, model: Model, fields: tuple[Field, ...]) -> str:
    rows = []
    named = {field.name: [index.name for index in field.fields] or model.classes(field.name) for field in fields}
    some = any(named.values())
    for field in fields:
        shape = "" if field.shape is None else f"[{', '.join('?' if dim == -1 else str(dim) for dim in field.shape)}]"
        columns = ", ".join(f"<code>{escape(str(name))}</code>" for name in named[field.name])
        rows.append(
            f"<tr><td><code>{escape(field.name)}</code></td><td>{escape(field.type)}</td>"
            f"<td>{shape}</td>{f'<td>{columns}</td>' if some else ''}</tr>"
        )
    head = f"<tr><th>{role}</th><th>Type</th><th>Shape</th>{'<th>Columns</th>' if some else ''}</tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _readable(example: dict[str, Any]) -> str:
    """One name a line, its value compact."""
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in example.items()]
    return "{\n" + ",\n".join(lines) + "\n}"
