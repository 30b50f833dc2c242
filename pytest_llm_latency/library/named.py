"""The rows of the tables of metrics and of a run's figures as attributes; docs/generate.py writes them."""

from pytest_llm_latency.library.attributes import OfRequests, OfStep


class Named:
    """Has an attribute for each row, so that a type checker knows it."""

    ttft = OfRequests()
    e2e = OfRequests()
    ttfo = OfRequests()
    tpot = OfRequests()
    itl = OfRequests()
    icl = OfRequests()
    max_stall = OfRequests()
    throughput = OfRequests()
    e2e_scheduled = OfRequests()
    server_wait = OfRequests()
    server_processing = OfRequests()
    send_lag = OfRequests()
    paced = OfRequests()
    dns = OfRequests()
    connect = OfRequests()
    tls = OfRequests()
    client_overhead = OfRequests()
    tokens_in = OfRequests()
    tokens_out = OfRequests()
    tokens_reasoning = OfRequests()
    tokens_cached = OfRequests()
    tokens_cache_written = OfRequests()
    cost = OfRequests()
    error_rate = OfStep()
    goodput = OfStep()
    cache_hits = OfStep()
    requests_per_s = OfStep()
    tokens_per_s = OfStep()
    cost_usd = OfStep()
    cost_per_1000_usd = OfStep()
    cost_per_month_usd = OfStep()
