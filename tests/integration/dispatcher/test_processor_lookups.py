"""Where a reply is not final, a look-up decides: on a misbehaving socket, our transport and the stock one agree."""

from datetime import UTC, datetime

import pytest

from services.dispatcher.adapters.processor_api import ProcessorApi, Transport
from services.dispatcher.core.outcome import Absent, Booked, Found, LookupFailed, NotBooked, Refused, Unknown
from tests.integration.dispatcher.misbehaving import (
    PATIENT_S,
    SHORT_S,
    ApiFor,
    Script,
    Serve,
    answer,
    closes,
    hangs,
    record,
    resets,
    says,
    sends,
)
from tests.unit.dispatcher.fake_processor import registered

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
OTHER_ID = "00000000-7d26-4d9d-aa19-4dc1c7cf60b3"
NOW = datetime(2025, 7, 15, 12, 34, 56, 789_000, tzinfo=UTC)
RECORDED = Booked(Found(1990, datetime(2025, 7, 15, 12, 34, 56, tzinfo=UTC)))
CONFLICT = says(409, b'{"message":"duplicate"}')
EXISTS = says(422, b'{"message":"CorrelationId already exists"}')
INVALID = says(422, b'{"message":"amount is not acceptable"}')


def is_misconfigured(outcome: object) -> bool:
    """Return whether no payment succeeds there."""
    return isinstance(outcome, NotBooked) and outcome.misconfigured


UNREADABLE = [
    pytest.param(closes, id="closes"),
    pytest.param(resets, id="resets"),
    pytest.param(says(500), id="500"),
    pytest.param(says(204), id="204"),
    pytest.param(says(302, b"", "Location: /"), id="302"),
    pytest.param(says(429), id="429"),
    pytest.param(says(200, b"{"), id="not JSON"),
    pytest.param(says(200, b"[" * 60_000), id="JSON too deep"),
    pytest.param(says(200, b"{}"), id="fields missing"),
    pytest.param(says(200, b"x" * 1_000_000), id="huge"),
    pytest.param(sends(answer(404, b"12345")[:-1], then_close=True), id="half a 404"),
    pytest.param(record(OTHER_ID), id="another payment"),
    pytest.param(record(ID, '"19.90"'), id="amount is text"),
    pytest.param(record(ID, "19.901"), id="amount is not cents"),
    pytest.param(record(ID, "0"), id="amount is nothing"),
    pytest.param(record(ID, "1e300"), id="amount is absurd"),
    pytest.param(record(ID, "19.90", "yesterday"), id="stamp is not one"),
    pytest.param(record(ID, "19.90", "0001-01-01T00:00:00+14:00"), id="stamp before the year 1"),
]


@pytest.mark.parametrize(
    "post",
    [says(500), says(503), CONFLICT, EXISTS, INVALID],
    ids=["500", "503", "409", "exists", "other 422"],
)
class TestLookUpDecides:
    """Where a reply leaves it open, GET of the id shows the outcome."""

    async def test_found_is_booked_as_recorded(self, post: Script, misbehaving_server: Serve, api_for: ApiFor) -> None:
        """The processor's record counts, with its stamp and amount."""
        server = await misbehaving_server(post, record(ID.upper()))
        assert await api_for(server.url).charge(ID, 2000, NOW) == RECORDED
        assert [(one.method, one.path) for one in server.seen] == [("POST", "/payments"), ("GET", f"/payments/{ID}")]

    @pytest.mark.parametrize("get", UNREADABLE)
    async def test_failed_lookup_is_unknown(
        self, post: Script, get: Script, misbehaving_server: Serve, api_for: ApiFor
    ) -> None:
        """A look-up without a clear answer leaves the outcome unknown."""
        server = await misbehaving_server(post, get)
        assert isinstance(await api_for(server.url).charge(ID, 1990, NOW), Unknown)
        assert server.post_count == 1

    async def test_hanging_lookup_is_unknown(self, post: Script, misbehaving_server: Serve, api_for: ApiFor) -> None:
        """So does one that never ends."""
        server = await misbehaving_server(post, hangs)
        assert isinstance(await api_for(server.url, SHORT_S).charge(ID, 1990, NOW), Unknown)


@pytest.mark.parametrize(
    ("post", "expected"),
    [(says(500), NotBooked), (says(503), NotBooked), (CONFLICT, Refused), (EXISTS, Refused), (INVALID, Refused)],
)
async def test_absent_is_not_booked_after_a_5xx_and_refused_after_a_refusal(
    post: Script, expected: type, misbehaving_server: Serve, api_for: ApiFor
) -> None:
    """Absent means not booked after a 5xx, and refused after a refusal, whatever its text."""
    server = await misbehaving_server(post, says(404))
    outcome = await api_for(server.url).charge(ID, 1990, NOW)
    assert isinstance(outcome, expected)
    assert not is_misconfigured(outcome)


async def test_503_of_a_gateway_is_unknown_where_get_does_not_find_it(
    misbehaving_server: Serve, transport: Transport
) -> None:
    """speaks_for_itself=False: the 503 may be a gateway's."""
    server = await misbehaving_server(says(503), says(404))
    api = ProcessorApi(
        registered(url=server.url),
        transport,
        call_timeout_s=PATIENT_S,
        health_timeout_s=PATIENT_S,
        speaks_for_itself=False,
    )
    assert isinstance(await api.charge(ID, 1990, NOW), Unknown)
    assert [one.method for one in server.seen] == ["POST", "GET"]


@pytest.mark.parametrize("amount", ["19.9", "19.90", "1.99e1"])
async def test_lookup_reads_cents_exactly(amount: str, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """However the decimal is spelt, the cents are the same."""
    server = await misbehaving_server(get=record(ID, amount))
    assert await api_for(server.url).look_up(ID) == RECORDED.recorded


async def test_lookup_alone(misbehaving_server: Serve, api_for: ApiFor) -> None:
    """404 is Absent, a failure is a value."""
    server = await misbehaving_server(get=says(404))
    assert await api_for(server.url).look_up(ID) == Absent()
    await server.stop()
    assert isinstance(await api_for(server.url).look_up(ID), LookupFailed)
