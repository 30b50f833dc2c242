"""What a provider says of how long it worked."""

import pytest

import recordings
from pytest_llm_latency.execution.server_timing import processing_s


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"openai-processing-ms": "412"}, 0.412),
        ({"openai-processing-ms": "412", "x-envoy-upstream-service-time": "9"}, 0.412),
        ({"x-amzn-bedrock-invocation-latency": "889"}, 0.889),
        ({"x-total-time": "73.5"}, 0.0735),
        ({"server-timing": "gfet4t7; dur=423"}, 0.423),
        ({"server-timing": 'edge; dur=3, total;desc="all of it";dur="17.5"'}, 0.0175),
        ({"server-timing": "cdn-cache; desc=HIT"}, None),
        ({"x-litellm-response-duration-ms": "369.623"}, 0.369623),
        ({"x-kong-upstream-latency": "12"}, 0.012),
        ({"x-envoy-upstream-service-time": "31"}, 0.031),
        ({"openai-processing-ms": "fast", "x-envoy-upstream-service-time": "31"}, 0.031),
        ({"openai-processing-ms": "nan"}, None),
        ({"openai-processing-ms": "-1"}, None),
        ({}, None),
    ],
)
def test_the_first_header_that_can_be_read_says_it(headers: dict[str, str], seconds: float | None) -> None:
    """The provider's own before a gateway's; a text that is no time says nothing."""
    recording = recordings.recording(headers=tuple(headers.items()))
    assert processing_s(recording) == pytest.approx(seconds)
