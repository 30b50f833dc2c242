"""What several files of tests share: nouns to start from, and tests that need Debian packages."""

import dataclasses
import os
import shutil
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from pytest_llm_latency import load
from pytest_llm_latency.model import (
    Conditions,
    Environment,
    Failure,
    Plan,
    Run,
    Sample,
    Stamps,
    Trust,
    Usage,
)

pytest_plugins = ["pytester"]

MS = 1_000_000


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose commands are not installed; fail it where ``CI`` is true."""
    for marker in item.iter_markers("needs"):
        missing = [command for command in marker.args if shutil.which(command) is None]
        if not missing:
            continue
        reason = f"{item.name} needs {', '.join(missing)}: install what lacks with `make test-deps`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture
def make_sample() -> Callable[..., Sample]:
    """Return a function that makes a sample: ten tokens in four deltas after a role chunk."""

    def make(**changes: Any) -> Sample:
        sample = Sample(
            index=0,
            iteration=0,
            phase="measure",
            step=None,
            status="ok",
            failure=None,
            http_status=200,
            attempts=1,
            stamps=Stamps(
                started=1_000 * MS,
                scheduled=None,
                connect_start=1_001 * MS,
                dns_end=1_002 * MS,
                tcp_end=1_004 * MS,
                tls_end=1_007 * MS,
                send_start=1_008 * MS,
                send_end=1_009 * MS,
                first_byte=1_100 * MS,
                headers=1_101 * MS,
                closed=1_401 * MS,
            ),
            build_ns=2 * MS,
            connection_reused=False,
            clock="fake",
            server_processing_s=0.09,
            piece_ns=array("q", [at * MS for at in (1_101, 1_200, 1_250, 1_350, 1_400)]),
            piece_bytes=array("q", [10, 20, 30, 20, 20]),
            event_ns=array("q", [at * MS for at in (1_101, 1_200, 1_250, 1_350, 1_400)]),
            event_kinds="xrcct",
            event_characters=array("q", [0, 4, 8, 4, 4]),
            finish_reason="stop",
            usage=Usage(tokens_in=5, tokens_out=10, tokens_reasoning=2, tokens_cached=0, source="usage"),
            cost_usd=0.0001,
            worker=None,
            host=None,
            region=None,
        )
        return dataclasses.replace(sample, **changes)

    return make


@pytest.fixture
def make_run(make_sample: Callable[..., Sample]) -> Callable[..., Run]:
    """Return a function that makes a run of one sample."""

    def make(**changes: Any) -> Run:
        plan = Plan(
            model="openai/gpt-4o-mini",
            requests=1,
            warmup=0,
            load=load.closed(1),
            timeout_s=60.0,
            limits=("ttft.p95 < 800ms",),
            gate=("ttft", "e2e"),
            tolerance=0.1,
            error_limit=0.01,
            version=None,
        )
        conditions = Conditions(
            step=None,
            model="openai/gpt-4o-mini",
            provider="openai",
            served_model="gpt-4o-mini-2024-07-18",
            endpoint="http://127.0.0.1/v1",
            prompts="a digest",
            parameters="{}",
            stream=True,
            token_source="usage",
            load="closed, concurrency 1",
            version=None,
            definitions=1,
        )
        environment = Environment(
            label="default",
            machine="a machine",
            platform="Linux",
            python="3.11.0",
            cpus=2,
            versions={"litellm": "1.100.0"},
            commit=None,
            branch=None,
            dirty=None,
            ci=None,
            region=None,
        )
        trust = Trust(
            loop_lag_p99_s=0.001,
            loop_lag_max_s=0.002,
            send_lag_p99_s=0.001,
            cpu_share=0.2,
            gc_collections=0,
            peak_memory_bytes=None,
        )
        run = Run(
            id="run",
            session_id="session",
            test_id="test_chat.py::test_chat",
            file="test_chat.py",
            line=3,
            plan=plan,
            started_at="2025-01-01T00:00:00+00:00",
            duration_s=1.0,
            complete=True,
            samples=(make_sample(),),
            iteration_failures=(),
            conditions=(conditions,),
            environment=environment,
            trust=trust,
            warnings=(),
        )
        return dataclasses.replace(run, **changes)

    return make


@pytest.fixture
def failure() -> Failure:
    """Return the failure of a test body."""
    return Failure(error_class="AssertionError", message="the reply is empty", phase="assertion")
