"""Which model a call asks, and where: what an interleaved run changes for the iterations of its other side."""

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_llm_latency import interleaving
from pytest_llm_latency.errors import BodyError
from pytest_llm_latency.model import Plan, Side

# What says where a call goes, or as whom: it belongs to the provider of the test's own model.
_ACCESS = frozenset({"api_base", "api_key", "base_url"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The model that a call asks, ``None`` where nobody names one, and its parameters."""

    model: str | None
    parameters: Mapping[str, object]


def aimed(plan: Plan, side: Side | None, model: str | None, parameters: Mapping[str, object]) -> Aim:
    """Return what a call asks on its side; ``model`` is the one that the call itself names.

    A base URL takes the place of the one that a call names. Another model takes that of the
    marker's: raises ``BodyError`` for a call that names one of its own, or a server or key that
    belong to another provider, on both sides alike.
    """
    chosen = model or plan.model
    if plan.ab is None:
        return Aim(model=chosen, parameters=parameters)
    if interleaving.is_address(plan.ab):
        elsewhere = {name: value for name, value in parameters.items() if name != "base_url"} | {"api_base": plan.ab}
        return Aim(model=chosen, parameters=elsewhere if side == interleaving.BASELINE else parameters)
    _check(plan, plan.ab, model, parameters)
    return Aim(model=plan.ab if side == interleaving.BASELINE else chosen, parameters=parameters)


def _check(plan: Plan, beside: str, model: str | None, parameters: Mapping[str, object]) -> None:
    if model is not None and model != plan.model:
        raise BodyError(
            f"the call names model={model!r}, so that {beside!r} cannot take its place: name the model in the marker, "
            "or give ab a base URL."
        )
    if "custom_llm_provider" in parameters:
        raise BodyError(
            f"the call names custom_llm_provider, which would also be that of {beside!r}: write it into the model's "
            "name, as in 'openai/gpt-4o-mini'."
        )
    named = sorted(_ACCESS & parameters.keys())
    if named and not shares_access(plan):
        raise BodyError(
            f"the call names {' and '.join(named)}, which would go to the provider of {beside!r} too: set the "
            "variables of each provider instead."
        )


def shares_access(plan: Plan) -> bool:
    """Say whether both models are named with the same provider, so that a call's server and key are for both."""
    return _provider(plan.ab or "") == _provider(plan.model or "")


def _provider(model: str) -> str:
    return model.partition("/")[0] if "/" in model else ""
