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
