"""The health call: a processor's reply, or a value with the reason why there is none to read."""

import socket

import pytest

from services.dispatcher.adapters.processor_api import HealthAnswer, HealthUnread
from tests.integration.dispatcher.misbehaving import (
    SHORT_S,
    ApiFor,
    Script,
    Serve,
    answer,
    closes,
    hangs,
    resets,
    says,
    sends,
)


async def test_health_is_read(misbehaving_server: Serve, api_for: ApiFor) -> None:
    """Both values are returned as they are in the reply."""
    server = await misbehaving_server(get=says(200, b'{"failing":true,"minResponseTime":1500,"more":1}'))
    assert await api_for(server.url).health() == HealthAnswer(failing=True, min_response_time_ms=1500)
    assert [(one.method, one.path) for one in server.seen] == [("GET", "/payments/service-health")]


@pytest.mark.parametrize(
    "get",
    [
        pytest.param(closes, id="closes"),
        pytest.param(resets, id="resets"),
        pytest.param(says(429, b"", "Retry-After: 5"), id="429"),
        pytest.param(says(500), id="500"),
        pytest.param(says(200), id="empty"),
        pytest.param(says(200, b'{"failing":false'), id="half a JSON"),
        pytest.param(says(200, b"[" * 60_000), id="JSON too deep"),
        pytest.param(says(200, b'{"failing":false}'), id="a field missing"),
        pytest.param(says(200, b'{"failing":"no","minResponseTime":0}'), id="failing is text"),
        pytest.param(says(200, b'{"failing":false,"minResponseTime":-1}'), id="negative time"),
        pytest.param(says(200, b'{"failing":false,"minResponseTime":1e999}'), id="endless time"),
        pytest.param(says(200, b'{"failing":false,"minResponseTime":999999999999}'), id="absurd time"),
        pytest.param(says(200, b"x" * 1_000_000), id="huge"),
        pytest.param(sends(answer(200, b"{}  ")[:-1], then_close=True), id="half an answer"),
    ],
)
async def test_unreadable_health_is_a_value(get: Script, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """Anything else is not health, and not an exception."""
    server = await misbehaving_server(get=get)
    assert isinstance(await api_for(server.url).health(), HealthUnread)


async def test_health_has_its_own_timeout(misbehaving_server: Serve, api_for: ApiFor) -> None:
    """Processors delay health calls; that must not take as long as a payment may."""
    server = await misbehaving_server(get=hangs)
    assert isinstance(await api_for(server.url, health_timeout_s=SHORT_S).health(), HealthUnread)


async def test_health_of_a_refused_connection_is_a_value(api_for: ApiFor) -> None:
    """It is not health, and not an exception."""
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        api = api_for(f"http://127.0.0.1:{bound_but_deaf.getsockname()[1]}")
        assert isinstance(await api.health(), HealthUnread)
