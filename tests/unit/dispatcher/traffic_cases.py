"""Payments in hand, and a traffic that routes them."""

from dataclasses import replace
from datetime import timedelta

from services.contracts.money import Cents
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.traffic import Traffic
from tests.unit.dispatcher.fakes import DEAR, HOME, NOON, RULES

NOW = 1_000_000.0
HELD_MS = RULES.settle_within_ms  # so long a payment waits for the cheapest processor while that one fails


def payment(seq: int, *, age_ms: float = 0, bound: bool = False) -> InHand:
    """Return a payment in hand, as it was delivered."""
    accepted_at = NOON - timedelta(milliseconds=age_ms)
    processor = HOME if bound else ""
    handles = {seq: f"handle {seq}"}
    return InHand(str(seq), Cents(1990), accepted_at, NOW - age_ms, seq, handles, generation=processor, in_doubt=bound)


def make_traffic(in_flight_max: int = 256) -> Traffic:
    """Return the traffic of two processors of which nothing is known."""
    return Traffic((HOME, DEAR), replace(RULES, in_flight_max=in_flight_max))


def waiting(traffic: Traffic, *payments: InHand) -> None:
    """Have payments wait to be routed."""
    for one in payments:
        traffic.take(one)
        traffic.to_route(one)


def start_all(traffic: Traffic, now_ms: float = NOW) -> list[tuple[int, str]]:
    """Start what starts now, counted as the flow counts it; return sequence and processor of each."""
    started = []
    for start in traffic.starts(now_ms):
        traffic.evidence(start.generation).sent(now_ms)
        started.append((start.payment.seq, start.generation))
    return started


def close(traffic: Traffic, name: str, now_ms: float = NOW) -> None:
    """Make three calls fail."""
    evidence = traffic.evidence(name)
    for token in [evidence.sent(now_ms - 100 + n) for n in range(3)]:
        evidence.failed(token, now_ms - 50)
