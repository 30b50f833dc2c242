"""What is suggested for a name that nobody knows."""

from pytest_llm_latency.suggestions import nearest


def test_a_near_name_is_suggested_and_else_all_are_listed() -> None:
    """One suggestion is enough where there is one."""
    assert nearest("tfft", ("ttft", "e2e")) == "did you mean 'ttft'?"
    assert nearest("beauty", ("ttft", "e2e")) == "known are ttft, e2e."
