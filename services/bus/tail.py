"""The newest messages of a stream, in one Direct Get after another."""

import asyncio

import orjson

from services.bus.connection import Bus, BusAwayError
from services.bus.lookup import last_for
from services.bus.message import Message
from services.bus.state import stream_state

BATCH_MAX = 512  # of one request; the server sends no more than 1,024
TIMEOUT_S = 5.0


async def tail(bus: Bus, stream: str, subject: str, count: int) -> list[bytes]:
    """Return the data of the messages among the last ``count`` sequences of a stream, oldest first.

    Raises:
        BusAwayError: no complete answer in time.
        ApiError: JetStream says no.
    """
    state = await stream_state(bus, stream)
    seq = max(state.first_seq, state.last_seq - count + 1, 1)
    found: list[bytes] = []
    while state.messages and seq <= state.last_seq:
        messages = await _batch(bus, stream, subject, seq)
        found += [message.data for message in messages]
        if not messages:
            break
        seq = int(messages[-1].headers["Nats-Sequence"]) + 1
    if bus.replicas > 1 and state.messages:
        newest = await last_for(bus, stream, subject)
        if newest is not None and seq <= newest.seq <= state.last_seq:
            raise BusAwayError(f"{stream} was read at a replica that lags: up to {seq - 1} of {newest.seq}")
    return found


async def _batch(bus: Bus, stream: str, subject: str, seq: int) -> list[Message]:
    """Return up to BATCH_MAX messages from a sequence on; none: there are no more."""
    messages: list[Message] = []
    ended = asyncio.Event()

    def on_message(message: Message) -> None:
        # After the last one comes a message without data that has a status: 204 the end, 404 nothing there.
        if "Status" in message.headers:
            ended.set()
        else:
            messages.append(message)

    inbox = bus.client.new_inbox()
    request = orjson.dumps({"seq": seq, "batch": BATCH_MAX, "next_by_subj": subject})
    subscription = await bus.subscribe(inbox, on_message)
    try:
        bus.publish(f"$JS.API.DIRECT.GET.{stream}", request, inbox)
        async with asyncio.timeout(TIMEOUT_S):
            await ended.wait()
    except TimeoutError as error:
        raise BusAwayError(f"the newest messages of {stream}: {error!r}") from error
    finally:
        await bus.unsubscribe(subscription)
    return messages
