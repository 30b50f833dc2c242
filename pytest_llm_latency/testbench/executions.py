"""The output of LLM-Test-Bench's newer runner, read back: one result an execution."""

from collections.abc import Sequence
from pathlib import Path

from pytest_llm_latency.testbench.checking import Fields
from pytest_llm_latency.testbench.stored_result import Result, agree, first_token, milliseconds, moment


def are_in(whole: Fields) -> bool:
    """Say whether a mapping is such an output."""
    return "total_executions" in whole.values or "execution_id" in whole.values


def read(whole: Fields, path: Path) -> Sequence[Result]:
    """Return the results, and note what is wrong or contradicts itself."""
    suite = whole.text("suite_id", required=True) or path.stem
    given = whole.list_of_fields("results")
    results = [_result(each, path, suite) for each in given]
    if not whole.mistakes:
        good = sum(each.status == "success" for each in results)
        counts = {"total_executions": len(results), "successful_executions": good}
        agree(whole, {**counts, "failed_executions": len(results) - good})
    return results


def _result(fields: Fields, path: Path, suite: str) -> Result:
    success = fields.values.get("success")
    if not isinstance(success, bool):
        fields.wrong("success" if "success" in fields.values else None, "success must be true or false.")
    latency, usage = fields.fields("latency", required=True), fields.fields("token_usage")
    duration_s = milliseconds(latency, "total_ms")
    return Result(
        source=str(path.absolute()),
        dataset=suite,
        test_id=fields.text("test_id", required=True) or "",
        provider=fields.text("provider_name", required=True),
        model=fields.text("model_id", required=True),
        status="success" if success is True else "failure",
        error=fields.text("error_message"),
        at=moment(fields, "started_at"),
        duration_s=duration_s,
        ttft_s=first_token(latency, "time_to_first_token_ms", duration_s),
        tokens_in=usage.count("prompt_tokens", least=0),
        tokens_out=usage.count("completion_tokens", least=0),
        cost_usd=fields.fields("cost").number("total_cost_usd"),
    )
