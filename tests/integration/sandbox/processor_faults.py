"""Faults of the simulated processor: switched on, reported, and observed on a bare connection."""

import socket

from sandbox.processor.faults import Fault
from tests.integration.sandbox.processor_process import TOKEN, ProcessorProcess

OK_START = b"HTTP/1.1 200 OK\r\n"
# How long a connection must stay silent: on a slow machine the check proves less, but is never wrong.
A_WHILE_S = 0.2
NOT_BOOKED = {
    Fault.CLOSE_BEFORE_BOOKING,
    Fault.ERROR_BEFORE_BOOKING,
    Fault.TOO_MANY_REQUESTS,
    Fault.BAD_REQUEST,
    Fault.REDIRECT_302,
    Fault.REDIRECT_307,
    Fault.UNREAD,
    Fault.BOOK_LATE,  # not during a test that uses NEVER_MS
}
CHARGE_FAULTS = [fault for fault in Fault if not fault.startswith(("look_up_", "health_"))]


def set_faults(processor: ProcessorProcess, *faults: Fault, **fields: int) -> None:
    """Make these faults certain."""
    put_plan(processor, {"rates": dict.fromkeys(faults, 1), **fields})


def put_plan(processor: ProcessorProcess, plan: dict[str, object]) -> None:
    """Set the plan of faults."""
    answer = processor.client.put("/admin/faults", json=plan, headers=TOKEN)
    assert answer.status_code == 200, answer.text


def report(processor: ProcessorProcess) -> dict[str, dict[str, int]]:
    """Return the processor's report of its faults."""
    return dict(processor.client.get("/admin/faults", headers=TOKEN).json())


def received_until_closed(connection: socket.socket) -> bytes:
    """Return everything received before the other side closes."""
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    return received


def receives_nothing(connection: socket.socket) -> bool:
    """Return whether the connection stays open and silent for a while."""
    connection.settimeout(A_WHILE_S)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    return False
