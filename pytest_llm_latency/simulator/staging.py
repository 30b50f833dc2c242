"""From a planned response to the script of its bytes: headers, transfer encoding and end."""

from pytest_llm_latency.simulator.requests import HttpRequest
from pytest_llm_latency.simulator.script import HEAD, LAST_CHUNK, Script, Write, chunk, head
from pytest_llm_latency.simulator.simulation import Response


def stage(response: Response, request: HttpRequest) -> Script:
    """Return what is written when."""
    planned, exchange = response.transmission, response.exchange
    if response.vanishes:
        return Script(writes=(), end_due_ns=planned.headers_due_ns, ending="reset", exchange=exchange)
    is_chunked = planned.content_length is None and not request.is_http_1_0
    closes = not request.keep_alive or (planned.content_length is None and not is_chunked)
    headers = dict(response.headers)
    if is_chunked:
        headers["transfer-encoding"] = "chunked"
    elif planned.content_length is not None:
        headers["content-length"] = str(planned.content_length)
    if closes:
        headers["connection"] = "close"
    writes = [Write(planned.headers_due_ns, head(response.status, headers), HEAD)]
    pieces = zip(planned.due_ns, planned.pieces, strict=True)
    writes += [Write(due_ns, chunk(piece.data) if is_chunked else piece.data, 1) for due_ns, piece in pieces]
    if is_chunked and planned.ending == "complete":
        writes.append(Write(planned.end_due_ns, LAST_CHUNK))
    return Script(writes=writes, end_due_ns=planned.end_due_ns, ending=planned.ending, closes=closes, exchange=exchange)
