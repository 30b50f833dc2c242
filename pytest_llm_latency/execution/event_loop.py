"""Which event loop the plugin makes, where it makes one itself."""

import asyncio
from collections.abc import Callable


def factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes uvloop's event loop where uvloop is installed, ``None`` for the standard one.

    Plain tests run beside a loop of the plugin's own. Async tests run in the loop that pytest-asyncio
    makes for them and for the fixtures that they share: which one is for their authors to say.
    """
    try:
        import uvloop  # noqa: PLC0415  (an optional dependency)
    except ImportError:
        return None
    return uvloop.new_event_loop
