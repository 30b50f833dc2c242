"""Builds recordings for tests: one piece a millisecond, a request of one message, an answer of HTTP 200."""

import dataclasses
from typing import Any

from pytest_llm_latency.model import Decoded, Recording, Request, Stamps, Usage

MS = 1_000_000


def request(prompt: str = "Hi", **changes: Any) -> Request:
    """Return a streamed request of one message."""
    values = Request(
        api="chat",
        model="openai/gpt-4o-mini",
        messages=({"role": "user", "content": prompt},),
        parameters={"stream": True},
        step=None,
        deadline_s=60.0,
        http_version="1.1",
    )
    return dataclasses.replace(values, **changes)


def recording(*pieces: bytes, **changes: Any) -> Recording:
    """Return an answer of these pieces; piece i arrives i + 1 milliseconds after the start."""
    values = Recording(
        request=request(),
        provider="openai",
        endpoint="api.openai.com",
        stamps=Stamps(started=0, send_start=0, send_end=0),
        build_ns=900,
        http_status=200,
        headers=(),
        pieces=pieces,
        piece_ns=tuple((index + 1) * MS for index in range(len(pieces))),
        connection_reused=False,
        http_version="1.1",
        paced_ns=None,
        clock="kernel",
        status="ok",
        failure=None,
        attempts=1,
    )
    return dataclasses.replace(values, **changes)


def decoded(**changes: Any) -> Decoded:
    """Return what a sound answer of two deltas says."""
    values = Decoded(
        status="ok",
        failure=None,
        event_ns=(MS, 2 * MS),
        event_kinds="cc",
        event_characters=(2, 3),
        text="Hello",
        reasoning="",
        tool_calls=(),
        finish_reason="stop",
        served_model="gpt-4o-mini-2024-07-18",
        usage=Usage(
            tokens_in=3,
            tokens_out=2,
            tokens_reasoning=None,
            tokens_cached=None,
            tokens_cache_written=None,
            source="usage",
        ),
        cost_usd=0.001,
    )
    return dataclasses.replace(values, **changes)
