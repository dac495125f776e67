"""A responder on a subject, to see what a connection sends and receives."""

from services.bus.wire.connection import Bus
from services.bus.wire.message import Message
from tests.nats_server import PATIENCE_S


async def echo_on(bus: Bus, subject: str) -> list[bytes]:
    """Answer requests on the subject with their own data; the list grows by what came."""
    heard = []

    def answer(message: Message) -> None:
        heard.append(message.data)
        if message.reply:
            bus.publish(message.reply, message.data)

    await bus.subscribe(subject, answer)
    await bus.round_trip(PATIENCE_S)
    return heard
