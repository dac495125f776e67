"""The messages of a stream, by one Direct Get after another: no consumer is created, so none is left behind."""

import asyncio
from collections.abc import AsyncIterator

import orjson

from services.bus.jetstream.lookup import first_from, last_for
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.stored_message import StoredMessage, of_direct_get
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message

BATCH_MAX = 512  # of one request
SERVERS_MAX = 1_024  # the server sends no more
TIMEOUT_S = 5.0
TRY_AGAIN_AFTER_S = 0.5
SILENCE_MAX_S = 30.0  # a server's restart, or an election, takes less


async def tail(bus: Bus, stream: str, subject: str, count: int) -> list[bytes]:
    """Return the data of the messages among the last ``count`` sequences of a stream, oldest first.

    Raises:
        BusUnavailableError: no complete answer in time.
        ApiError: JetStream rejected a request.
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
            raise BusUnavailableError(f"{stream} was read at a replica that lags: up to {seq - 1} of {newest.seq}")
    return found


async def pages(bus: Bus, stream: str, last_seq: int) -> AsyncIterator[list[StoredMessage]]:
    """Yield a stream's messages in order, some hundreds at a time, from its first up to ``last_seq`` or a few more.

    ``last_seq`` must come from the leader. Less than that is yielded only where the messages are gone. The next page is
    requested while the caller works on one.

    Raises:
        BusUnavailableError: for half a minute there was no answer, or only those of replicas that lag.
    """
    asking = asyncio.create_task(_next_of(bus, stream, 1, last_seq))
    try:
        while messages := await asking:
            asking = asyncio.create_task(_next_of(bus, stream, messages[-1].seq + 1, last_seq))
            yield messages
    finally:
        asking.cancel()


async def _next_of(bus: Bus, stream: str, seq: int, last_seq: int) -> list[StoredMessage]:
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    while seq <= last_seq:
        away = f"{stream} was read at a replica that lags: up to {seq - 1} of {last_seq}"
        try:
            # ">" and not the stream's own pattern: for that the server looks each subject up, 30 times as long.
            messages = await _batch(bus, stream, ">", seq, SERVERS_MAX)
            if messages:
                return [of_direct_get(message, message.headers) for message in messages]
            after = await first_from(bus, stream, seq, ">")  # from the leader, where there are replicas
            if after is None or after.seq > last_seq:
                break
        except BusUnavailableError as error:
            away = str(error)
        if loop.time() - start_s > SILENCE_MAX_S:
            raise BusUnavailableError(away)
        await asyncio.sleep(TRY_AGAIN_AFTER_S)
    return []


async def _batch(bus: Bus, stream: str, subject: str, seq: int, batch: int = BATCH_MAX) -> list[Message]:
    """Return up to ``batch`` messages from a sequence on; empty: there are no more."""
    messages: list[Message] = []
    ended = asyncio.Event()

    def on_message(message: Message) -> None:
        # After the last message comes one without data, with a status: 204 the end, 404 nothing there.
        if "Status" in message.headers:
            ended.set()
        else:
            messages.append(message)

    inbox = bus.client.new_inbox()
    request = orjson.dumps({"seq": seq, "batch": batch, "next_by_subj": subject})
    subscription = await bus.subscribe(inbox, on_message)
    try:
        bus.publish(f"$JS.API.DIRECT.GET.{stream}", request, inbox)
        async with asyncio.timeout(TIMEOUT_S):
            await ended.wait()
    except TimeoutError as error:
        raise BusUnavailableError(f"messages of {stream}: {error!r}") from error
    finally:
        await bus.unsubscribe(subscription)
    return messages
