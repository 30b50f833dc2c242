"""``llm-latency simulate``: run the simulator by hand until Ctrl-C."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import units
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.routes import example
from pytest_llm_latency.simulator.settings import load_settings

if TYPE_CHECKING:
    from pytest_llm_latency.simulator.server import Address
    from pytest_llm_latency.simulator.truth import Exchange

# What argparse makes is typed by hand: ``add_subparsers`` has no public class for it.
Subparsers = Any

_SUMMARY = "serve simulated models of many providers with stated latencies"
_SETTINGS_HELP = "YAML or JSON with seed, slowdown, profiles (patterns of model names to latencies) and faults"


def add_parser(subparsers: Subparsers) -> None:
    """Add ``simulate`` to the command line."""
    parser = subparsers.add_parser("simulate", help=_SUMMARY, description=f"{_SUMMARY.capitalize()}, until Ctrl-C.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (a free one)")
    parser.add_argument("--tls", action="store_true", help="serve https with a certificate made for this run")
    parser.add_argument("--profile", type=Path, metavar="FILE", help=_SETTINGS_HELP)
    parser.add_argument("--slowdown", type=float, metavar="X", help="multiply every latency")
    parser.add_argument("--seed", type=int, metavar="N", help="the seed of all draws")
    parser.add_argument("--log-requests", action="store_true", help="print a line for each request")
    parser.add_argument("--json", action="store_true", help="print the addresses as one line of JSON")
    parser.set_defaults(handler=simulate)


def simulate(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C and return 0; raise ``LatencyError`` for what cannot be served."""
    from pytest_llm_latency.simulator import server  # noqa: PLC0415  (only a server needs its parser)

    settings = {} if arguments.profile is None else dict(load_settings(arguments.profile))
    settings |= {name: value for name in ("slowdown", "seed") if (value := getattr(arguments, name)) is not None}
    options = server.Options(
        host=arguments.host,
        port=arguments.port,
        tls=arguments.tls,
        settings=settings,
        announce=_announce_as_json if arguments.json else _announce,
        on_exchange=_log if arguments.log_requests else None,
    )
    server.run(options)
    return 0


def _announce(address: "Address") -> None:
    base_url = address.base_url
    lines = [f"The simulator listens on {base_url} until Ctrl-C.", ""]
    if address.certificate is not None:
        lines += [f"Its certificate, for clients to trust: export SSL_CERT_FILE={address.certificate}", ""]
    for name, protocol in PROTOCOLS.items():
        base, key = protocol.ENVIRONMENT
        path = example(protocol.ROUTES[0].path)
        lines += [f"{name}: {base_url}{path}", f"  export {base}={base_url}{protocol.API_BASE} {key}=none"]
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()


def _announce_as_json(address: "Address") -> None:
    told = {
        "base_url": address.base_url,
        "certificate": None if address.certificate is None else str(address.certificate),
        "providers": {
            name: {"variables": list(each.ENVIRONMENT), "api_base": f"{address.base_url}{each.API_BASE}"}
            for name, each in PROTOCOLS.items()
        },
    }
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def _log(exchange: "Exchange") -> None:
    first = exchange.first_generated
    sent = first is not None and first < len(exchange.sent_ns)
    ttft = units.seconds(exchange.sent_ns[first] - exchange.arrived_ns) if sent and first is not None else None
    facts = (
        f"#{exchange.request}",
        exchange.protocol,
        exchange.model,
        "stream" if exchange.stream else "whole",
        str(exchange.status),
        f"{exchange.prompt_tokens} + {exchange.output_tokens} tokens",
        f"first delta after {units.format_seconds(ttft)}",
        *([] if exchange.fault is None else [f"fault {exchange.fault}"]),
    )
    sys.stdout.write(f"{'  '.join(facts)}\n")
    sys.stdout.flush()
