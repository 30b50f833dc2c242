"""The seam between the executor and whatever sends a request."""

import asyncio
from typing import Protocol

from pytest_llm_latency.model import Decoded, Recording, Request


class CancelledRequest(asyncio.CancelledError):
    """A cancellation, with what had happened of its request.

    It goes no further than the recorder: ``asyncio`` compares the class of a cancellation.
    """

    def __init__(self, recording: Recording, *arguments: object) -> None:
        super().__init__(*arguments)
        self.recording = recording


class Client(Protocol):
    """Sends requests now and says later what their recordings mean."""

    async def send(self, request: Request) -> Recording:
        """Send one request; the recording tells whatever happened, failures too.

        Raises ``CancelledRequest`` when it is cancelled.
        """

    def decode(self, recording: Recording) -> Decoded:
        """Return what a recording says."""

    def settle(self, recording: Recording, decoded: Decoded) -> Decoded:
        """Return what was decoded with what takes a while: called once for each request, after the run."""

    def close(self) -> None:
        """Let go of connections."""


def rehearsal(model: str) -> Request:
    """Return a request that is built for nothing, so that no measured one is the first."""
    return Request(
        api="chat",
        model=model,
        messages=({"role": "user", "content": "."},),
        parameters={"stream": True, "api_key": "none"},
        step=None,
        deadline_s=1.0,
        http_version="1.1",
    )
