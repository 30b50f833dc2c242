"""The seam between the executor and whatever sends a request."""

from typing import Protocol

from pytest_llm_latency.model import Decoded, Recording, Request


class Client(Protocol):
    """Sends requests now and says later what their recordings mean."""

    async def send(self, request: Request) -> Recording:
        """Send one request; the recording tells whatever happened, failures too."""

    def decode(self, recording: Recording) -> Decoded:
        """Return what a recording says."""

    def close(self) -> None:
        """Let go of connections."""


def rehearsal(model: str) -> Request:
    """Return a request that is built for nothing, so that no measured one is the first."""
    return Request(
        model=model,
        messages=({"role": "user", "content": "."},),
        parameters={"stream": True, "api_key": "none"},
        step=None,
        deadline_s=1.0,
    )
