"""Builds by example the requests that differ from earlier ones in the text of their prompt alone.

litellm takes milliseconds to build a request, on the core that the open streams are read on. When
two requests were built whose bytes were the same before and after the text of the last message, a
further one is made of these bytes and its own text. Whatever else differs is built by litellm.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pytest_llm_latency.execution.exchange import WireRequest
from pytest_llm_latency.model import Request

KEPT = 256
_LENGTH = re.compile(rb"(?<=\r\ncontent-length: )\d+(?=\r\n)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """A built request without its text: ``head`` without a length, and the body on both sides of the text.

    ``only_ascii`` says whether other characters are escaped; ``None`` where no text has shown it.
    """

    wire: WireRequest
    before: bytes
    after: bytes
    only_ascii: bool | None


class Templates:
    """What has been built, as examples; ``kind`` of a request is whatever it has beside its text."""

    def __init__(self) -> None:
        self._known: dict[str, _Template] = {}
        self._seen_once: dict[str, _Template] = {}

    def fill(self, request: Request) -> WireRequest | None:
        """Return the request as bytes, ``None`` where no two examples say how it is built."""
        text = _text(request)
        template = None if text is None else self._known.get(_kind(request))
        if text is None or template is None or (template.only_ascii is None and not text.isascii()):
            return None
        body = template.before + _written(text, only_ascii=template.only_ascii is not False) + template.after
        head = _LENGTH.sub(str(len(body)).encode(), template.wire.head)
        return replace(template.wire, head=head, body=body)

    def learn(self, request: Request, wire: WireRequest) -> None:
        """Take a request that was built; one that is signed or has its text in two places teaches nothing."""
        text = _text(request)
        template = None if text is None else _template(text, wire)
        if template is None:
            return
        kind = _kind(request)
        earlier = self._seen_once.get(kind)
        if earlier is not None and _agree(earlier, template):
            shown = earlier.only_ascii if template.only_ascii is None else template.only_ascii
            template = replace(template, only_ascii=shown)
            _keep(self._known, kind, template)
        _keep(self._seen_once, kind, template)

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
        self._seen_once.clear()


def _keep(templates: dict[str, _Template], kind: str, template: _Template) -> None:
    """Keep a template; the oldest goes where there are too many, as where each request has a history of its own."""
    if kind not in templates and len(templates) >= KEPT:
        del templates[next(iter(templates))]
    templates[kind] = template


def _text(request: Request) -> str | None:
    """Return the text of the last message; ``None`` where there is none, or one that a builder would trim."""
    content = request.messages[-1].get("content") if request.messages else None
    return content if isinstance(content, str) and content and content == content.strip() else None


def _kind(request: Request) -> str:
    *earlier, last = request.messages
    bare = [*earlier, {**last, "content": None}]
    said = json.dumps([request.api, request.model, bare, dict(request.parameters)], default=repr)
    return hashlib.sha256(said.encode()).hexdigest()


def _template(text: str, wire: WireRequest) -> _Template | None:
    if len(_LENGTH.findall(wire.head)) != 1:
        return None
    forms: Mapping[bytes, bool] = {_written(text, only_ascii=form): form for form in (False, True)}
    found = [(written, form) for written, form in forms.items() if wire.body.count(b'"' + written + b'"') == 1]
    if len(found) != 1:
        return None
    ((written, form),) = found
    before, _, after = wire.body.partition(b'"' + written + b'"')
    only_ascii = None if len(forms) == 1 else form
    return _Template(
        wire=replace(wire, head=_LENGTH.sub(b"0", wire.head), body=b""),
        before=before + b'"',
        after=b'"' + after,
        only_ascii=only_ascii,
    )


def _written(text: str, *, only_ascii: bool) -> bytes:
    """Return a text as it stands between the quotes of JSON."""
    return json.dumps(text, ensure_ascii=only_ascii)[1:-1].encode("utf-8", "surrogatepass")


def _agree(one: _Template, other: _Template) -> bool:
    forms = {one.only_ascii, other.only_ascii} - {None}
    return (one.wire, one.before, one.after) == (other.wire, other.before, other.after) and len(forms) < 2  # noqa: PLR2004  (both ways)
