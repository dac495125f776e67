"""Answers meant to use up a dispatcher's memory and time: bounded, and never read as more than they are."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import cycle

import pytest

from services.dispatcher.adapters.connection import ANSWER_BYTES_MAX, BODY_KEPT_BYTES
from services.dispatcher.adapters.processor_api import HealthAnswer, HealthUnread
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.outcome import Booked, Found, LookupFailed, Refused, Unknown
from tests.endless import ENDLESS, Endless, most_of_it, now_and_then_a_byte
from tests.integration.dispatcher.calls_at_once import COUNT
from tests.integration.dispatcher.misbehaving import PATIENT_S, SHORT_S, ApiFor, Line, Script, Serve, record, says

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
NOW = datetime(2025, 7, 15, 12, 34, 56, 789_000, tzinfo=UTC)
SLOW = (now_and_then_a_byte, most_of_it)
GROWS_BY_MAX_KIB = 8 * 1024
DETAIL_MAX = 250  # what is quoted of an answer, and what kind of failure it was


@pytest.fixture
async def transport() -> AsyncIterator[ProcessorTransport]:
    """Provide ours alone: httpx's own waits for each part of an answer, and so for an hour for some of these."""
    async with aclosing(ProcessorTransport(idle_max=4)) as ours:
        yield ours


def attacks(endless: Endless) -> Script:
    """Answer like that until the caller has gone."""

    async def script(line: Line) -> None:
        async for piece in endless():
            if line.writer.is_closing():
                return
            await line.send(piece)

    return script


def patience_with(endless: Endless) -> float:
    """Return the timeout: it ends only slow answers, as fast ones end by being too long."""
    return SHORT_S if endless in SLOW else PATIENT_S


@pytest.mark.parametrize("endless", ENDLESS)
async def test_a_charge_answered_without_an_end_is_unknown(
    endless: Endless, misbehaving_server: Serve, api_for: ApiFor
) -> None:
    """It was sent once, and its outcome is not known."""
    server = await misbehaving_server(attacks(endless))
    outcome = await api_for(server.url, patience_with(endless)).charge(ID, 1990, NOW)
    assert isinstance(outcome, Unknown)
    assert len(outcome.detail) < DETAIL_MAX
    assert server.post_count == 1


@pytest.mark.parametrize("endless", ENDLESS)
async def test_a_look_up_and_a_health_call_answered_without_an_end_are_unreadable(
    endless: Endless, misbehaving_server: Serve, api_for: ApiFor
) -> None:
    """Neither found nor absent; neither well nor failing."""
    server = await misbehaving_server(get=attacks(endless))
    api = api_for(server.url, patience_with(endless), patience_with(endless))
    assert isinstance(await api.look_up(ID), LookupFailed)
    assert isinstance(await api.health(), HealthUnread)


@pytest.mark.parametrize("endless", [ENDLESS, [most_of_it]], ids=["all ways", "held"])
async def test_many_answers_without_an_end_at_once_cost_little_memory(
    endless: Sequence[Endless], misbehaving_server: Serve
) -> None:
    """As many calls as may be under way at one processor, all of them attacked, within 8 MiB."""
    ways = cycle(attacks(each) for each in endless)
    are_all_there, calls = asyncio.Event(), 0

    async def attack_all_at_once(line: Line) -> None:
        nonlocal calls
        calls += 1
        if calls == COUNT:
            are_all_there.set()
        await are_all_there.wait()
        await next(ways)(line)

    server = await misbehaving_server(attack_all_at_once, get=says(200, b"{}"))
    program = [sys.executable, "-m", "tests.integration.dispatcher.calls_at_once", server.url]
    process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(process.communicate(), PATIENT_S * 2)
    assert process.returncode == 0
    assert int(said) < GROWS_BY_MAX_KIB


async def test_a_long_answer_that_ends_counts_by_its_status(misbehaving_server: Serve, api_for: ApiFor) -> None:
    """A complete 2xx is a booking and a 400 a refusal, however long the body is, and nothing of that is kept."""
    long = b"x" * (BODY_KEPT_BYTES + 1)
    server = await misbehaving_server(says(200, long))
    assert await api_for(server.url).charge(ID, 1990, NOW) == Booked(None)
    server = await misbehaving_server(says(400, long))
    refused = await api_for(server.url).charge(ID, 1990, NOW)
    assert refused == Refused(f"400 the body is over {BODY_KEPT_BYTES} bytes")


async def test_a_record_that_is_cut_is_unreadable(misbehaving_server: Serve, api_for: ApiFor) -> None:
    """The part that is kept may be valid JSON; what followed is not known."""
    body = b'{"correlationId":"%b","amount":19.9,"requestedAt":"2025-07-15T12:34:56Z"}' % ID.encode()
    fits = await misbehaving_server(get=says(200, body.ljust(BODY_KEPT_BYTES)))
    assert isinstance(await api_for(fits.url).look_up(ID), Found)
    cut = await misbehaving_server(get=says(200, body.ljust(BODY_KEPT_BYTES) + b"}"))
    assert isinstance(await api_for(cut.url).look_up(ID), LookupFailed)


async def test_a_health_reply_that_is_cut_is_unreadable(misbehaving_server: Serve, api_for: ApiFor) -> None:
    """The same."""
    body = b'{"failing":false,"minResponseTime":0}'.ljust(BODY_KEPT_BYTES)
    fits = await misbehaving_server(get=says(200, body))
    assert await api_for(fits.url).health() == HealthAnswer(failing=False, min_response_time_ms=0)
    cut = await misbehaving_server(get=says(200, body + b"}"))
    assert isinstance(await api_for(cut.url).health(), HealthUnread)


async def test_the_length_of_an_answer_in_many_small_chunks_includes_its_framing(
    misbehaving_server: Serve, api_for: ApiFor
) -> None:
    """A short body in many bytes is too long as well."""
    chunk = b"1;%b\r\nx\r\n" % (b"e" * 100)
    chunks = chunk * (ANSWER_BYTES_MAX // len(chunk) + 1)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    server = await misbehaving_server(lambda line: line.send(answer))
    assert isinstance(await api_for(server.url).charge(ID, 1990, NOW), Unknown)


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (400, b"\xff\xfe no", "400 \ufffd\ufffd no"),
        (400, b"caf\xc3", "400 caf\ufffd"),
        (400, b'{"message":"\\ud800"}', '400 {"message":"\\ud800"}'),
    ],
)
async def test_a_reason_that_is_not_utf_8_is_kept_as_far_as_it_can_be_read(
    status: int, body: bytes, detail: str, misbehaving_server: Serve, api_for: ApiFor
) -> None:
    """It goes into a log and perhaps an event: both are always UTF-8."""
    server = await misbehaving_server(says(status, body))
    assert await api_for(server.url).charge(ID, 1990, NOW) == Refused(detail)


@pytest.mark.parametrize(
    "get",
    [
        pytest.param(record(ID, "NaN"), id="NaN"),
        pytest.param(record(ID, "Infinity"), id="infinity"),
        pytest.param(record(ID, "-19.90"), id="negative"),
        pytest.param(record(ID, "1e400"), id="beyond a double"),
        pytest.param(record(ID, "9" * 3000), id="three thousand digits"),
        pytest.param(record(ID, "null"), id="null"),
        pytest.param(record(ID, "19.90", "9999-12-31T23:59:59-14:00"), id="a stamp after time ends"),
        pytest.param(record(ID, "19.90", "2025-07-15T12:34:56+99:00"), id="no zone"),
        pytest.param(record("\ud800" * 1000), id="half a surrogate pair"),
        pytest.param(says(200, b'{"correlationId":"\xff"}'), id="invalid UTF-8"),
        pytest.param(says(200, b"\xff" * 4000), id="nothing but invalid UTF-8"),
    ],
)
async def test_a_record_with_impossible_values_is_unreadable(
    get: Script, misbehaving_server: Serve, api_for: ApiFor
) -> None:
    """The result is a value, with a short detail that any log can write; no exception."""
    server = await misbehaving_server(get=get)
    found = await api_for(server.url).look_up(ID)
    assert isinstance(found, LookupFailed)
    assert len(found.detail) < DETAIL_MAX
    found.detail.encode()


@pytest.mark.parametrize(
    ("stamp", "read"),
    [
        ("9999-12-31T23:59:59.999Z", datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("2025-07-15T14:34:56+02:00", datetime(2025, 7, 15, 12, 34, 56, tzinfo=UTC)),
        ("2025-07-15T12:34:56", datetime(2025, 7, 15, 12, 34, 56, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
async def test_a_stamp_of_another_zone_or_age_is_read_as_the_processor_recorded_it(
    stamp: str, read: datetime, misbehaving_server: Serve, api_for: ApiFor
) -> None:
    """Summaries use what it recorded, in UTC."""
    server = await misbehaving_server(get=record(ID, "19.90", stamp))
    found = await api_for(server.url).look_up(ID)
    assert isinstance(found, Found)
    assert found.requested_at == read
