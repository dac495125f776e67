"""Asking all subscribers of a subject, each of which answers for itself."""

import asyncio
from collections.abc import Callable

from services.bus.wire.connection import Bus
from services.bus.wire.message import Message
from services.bus.wire.requests import NoRespondersError

_NO_RESPONDERS = "503"


async def ask_all(bus: Bus, subject: str, data: bytes, within_s: float, take: Callable[[bytes], bool]) -> None:
    """Ask, and call ``take`` with each answer until it returns True (these are all) or the time is over.

    Raises:
        NoRespondersError: that subject has no subscribers.
        BusUnavailableError: not connected; nothing was sent.
    """
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_message(message: Message) -> None:
        if ended.done():
            return
        if not message.data and message.headers.get("Status") == _NO_RESPONDERS:
            ended.set_exception(NoRespondersError(f"no service answers on {subject}"))
        elif take(message.data):
            ended.set_result(None)

    inbox = bus.client.new_inbox()
    subscription = await bus.subscribe(inbox, on_message)
    try:
        bus.publish(subject, data, inbox)
        await asyncio.wait((ended,), timeout=within_s)
        if ended.done():
            ended.result()
    finally:
        await bus.unsubscribe(subscription)
