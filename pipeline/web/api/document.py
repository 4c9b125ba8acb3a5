"""The OpenAPI document (3.1), made of the operations themselves; what Ninja cannot know of them is added here."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from pipeline.web.api.problems import MEDIA_TYPE

DESCRIPTION = """\
Subscribe people to a season, confirm, read and change preferences, leave. JSON only, in UTF-8, 16 kB at most; no cookies. Errors are
problem details (RFC 9457) with texts in French. Tokens are those of the links in mails."""

_REPLAYED = {
    "description": "« true »: this request was carried out before, and this is what was answered then.",
    "schema": {"type": "string", "const": "true"},
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}, "required": True}},
    429: {
        "Retry-After": {
            "description": "Seconds to wait.",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
            "required": True,
        }
    },
}


class Api(NinjaAPI):
    """An API whose document says which errors are problem details, and which headers an answer bears. It is made once."""

    _document: OpenAPISchema | None = None

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        if self._document is None:
            document = super().get_openapi_schema(**options)
            for operations in document["paths"].values():
                for operation in operations.values():
                    _complete(operation)
            self._document = document
        return self._document


def _complete(operation: dict[str, Any]) -> None:
    keyed = [one for one in operation["parameters"] if one["name"] == "Idempotency-Key"]
    for one in keyed:
        # It may be left out; where it is there, it is no null.
        one["schema"] = next(kind for kind in one["schema"]["anyOf"] if kind["type"] == "string")
    for status, answer in operation["responses"].items():
        if status >= 400:
            answer["content"] = {MEDIA_TYPE: answer["content"]["application/json"]}
        headers = _HEADERS.get(status, {})
        if keyed and status < 300:
            headers = {"Idempotency-Replayed": _REPLAYED}
        if headers:
            answer["headers"] = headers
