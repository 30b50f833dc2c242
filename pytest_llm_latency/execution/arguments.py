"""What litellm is called with: the parameters of the body, and what keeps a request single and a dry run at home."""

import copy
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from pytest_llm_latency.errors import BypassError
from pytest_llm_latency.model import Api, Request

OWN_ACCESS = frozenset({"api_key", "api_base", "base_url"})  # with one of these a call needs no key of the environment

# Each of these names a server, or a way to one, in one of the spellings that litellm takes.
_ELSEWHERE = frozenset({
    "api_base",
    "api_type",
    "aws_bedrock_runtime_endpoint",
    "azure_endpoint",
    "base_url",
    "client",
    "context_window_fallback_dict",
    "deployment_id",
    "endpoint",
    "fallbacks",
    "host",
    "litellm_proxy_url",
    "model_list",
    "proxy",
    "proxy_url",
    "shared_session",
    "use_litellm_proxy",
})
_IDENTITIES = "aws_"  # and each of these an identity, or a server to ask for one


# What each API calls the question, and the form that it has there.
_INPUTS: Mapping[Api, Callable[[Request], tuple[str, list[Any]]]] = MappingProxyType({
    "chat": lambda request: ("messages", list(request.messages)),
    "responses": lambda request: ("input", list(request.messages)),
    "embeddings": lambda request: ("input", [message["content"] for message in request.messages]),
})


def of_call(request: Request) -> dict[str, Any]:
    """Return the arguments of one request that nothing repeats."""
    name, given = _INPUTS[request.api](request)
    arguments: dict[str, Any] = {
        "model": request.model,
        name: copy.deepcopy(given),  # litellm changes what it gets
        "num_retries": 0,
        "max_retries": 0,
        "timeout": request.deadline_s,
        **copy.deepcopy(dict(request.parameters)),
    }
    if "tools" in arguments or request.api == "responses":
        arguments["_skip_mcp_handler"] = True  # it needs a package that litellm does not install
    return arguments


def for_simulator(arguments: Mapping[str, Any], access: Mapping[str, object]) -> dict[str, Any]:
    """Return the arguments with the access to the simulator in place of whatever server and key the body names."""
    kept = {
        name: value
        for name, value in arguments.items()
        if name.lower() not in _ELSEWHERE and not name.lower().startswith(_IDENTITIES)
    }
    return kept | dict(access)


def verify(request: Request) -> bool | str:
    """Return litellm's ``ssl_verify`` of a call: whether certificates are checked, or against which."""
    given = request.parameters.get("ssl_verify")
    return given if isinstance(given, bool | str) else True


def check_home(model: str, endpoint: str, api_bases: Iterable[str]) -> None:
    """Raise ``BypassError`` for a request of a dry run that would leave the machine, whatever has named its server."""
    if endpoint not in {urlsplit(base).netloc for base in api_bases}:
        raise BypassError(
            f"a request for {model!r} would go to {endpoint} and not to the simulator: remove from llm(...) what "
            "names a server, or measure this test without --llm-latency-simulate."
        )
