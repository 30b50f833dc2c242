"""Embeddings as OpenAI made them: https://platform.openai.com/docs/api-reference/embeddings."""

import base64
import struct
from collections.abc import Iterable
from random import Random

from pytest_llm_latency.simulator.answers import Answer, Question, QuestionError, dump, positive, prompt_tokens
from pytest_llm_latency.simulator.routes import Asked, Call

_DIMENSIONS = 16


def question(call: Call) -> Question:
    """Read a request for the vectors of one text or of several."""
    body = call.fields
    model, given = body.get("model", call.parameters.get("model")), body.get("input")
    if not isinstance(model, str) or not model:
        raise QuestionError("you must provide a model parameter")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise QuestionError("'$.input' is invalid: it must be a text or a list of texts")
    return Question(
        model=model,
        stream=False,
        prompt_tokens=prompt_tokens(texts),
        max_tokens=None,
        tool=None,
        is_generated=False,
        inputs=len(texts),
        dimensions=positive(body.get("dimensions"), "dimensions") or _DIMENSIONS,
        is_packed=body.get("encoding_format") == "base64",
    )


def vectors(asked: Question) -> list[list[float]]:
    """Return a vector for each input, the same ones each time."""
    random = Random(asked.model)  # noqa: S311  (vectors are no secrets)
    # Sixteenths are exact in every format that they travel in.
    return [[random.randrange(-16, 17) / 16 for _ in range(asked.dimensions)] for _ in range(asked.inputs)]


def document(answer: Answer) -> bytes:
    """Return the vectors, as numbers or as the base64 of their four bytes each."""
    asked = answer.question
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if asked.is_packed else vector}
        for index, vector in enumerate(vectors(asked))
    ]
    usage = {"prompt_tokens": asked.prompt_tokens, "total_tokens": asked.prompt_tokens}
    return dump({"object": "list", "data": data, "model": asked.model, "usage": usage}).encode()


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def routes(paths: Iterable[str]) -> tuple[Asked, ...]:
    """Return the routes of embeddings at these paths."""
    return tuple(Asked(path=path, question=question, document=document) for path in paths)
