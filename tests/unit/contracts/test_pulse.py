"""Pulses are read as they were sent, and nothing else is read."""

from datetime import UTC, datetime

import pytest

from services.contracts import subjects
from services.contracts.durations import Durations
from services.contracts.pulse import (
    DispatcherPulse,
    IngressPulse,
    LedgerPulse,
    NotAPulseError,
    ProcessorSeen,
    Pulse,
    decode,
    encode,
    instance_from_text,
    service_of,
)
from services.contracts.summary import Totals

BEGAN = datetime(2025, 7, 15, 12, tzinfo=UTC)
INGRESS = IngressPulse("ingress-1", BEGAN, {"accepted": 3}, tuple(Durations().counts))
DISPATCHER = DispatcherPulse(
    "dispatcher-1", BEGAN, 5, 2, 0.25, {"default": ProcessorSeen("serving", None, 2, 0)}, {"settled.default": 7}
)
LEDGER = LedgerPulse("ledger", BEGAN, 0, 0, {"default": Totals(7, 1393)})


@pytest.mark.parametrize(
    ("pulse", "subject"),
    [
        (INGRESS, "pulse.ingress.ingress-1"),
        (DISPATCHER, "pulse.dispatcher.dispatcher-1"),
        (LEDGER, "pulse.ledger.ledger"),
    ],
)
def test_a_pulse_is_read_as_it_was_sent(pulse: Pulse, subject: str) -> None:
    """On a subject that names its instance."""
    assert decode(encode(pulse)) == pulse
    assert subjects.pulse(service_of(pulse), pulse.instance) == subject


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"service":"ingress"', b'"service":"audit"'),
        (b'"instance":"ingress-1"', b'"instance":"a.b"'),
        (b'"v":1', b'"v":2'),
        (b'"took":[0,', b'"took":['),
        (b'"accepted":3', b'"accepted":-3'),
        (b"}", b""),
    ],
)
def test_what_is_not_a_pulse_is_rejected(was: bytes, becomes: bytes) -> None:
    """Another service or version, a name that is not a token, other buckets, half a message."""
    said = encode(INGRESS)
    assert was in said
    with pytest.raises(NotAPulseError):
        decode(said.replace(was, becomes))


def test_unknown_fields_of_a_newer_instances_pulse_are_ignored() -> None:
    """While one instance after another is upgraded, the old ones still read the new ones' pulses."""
    assert decode(encode(INGRESS).replace(b'"v":1', b'"v":1,"mood":"good"')) == INGRESS


@pytest.mark.parametrize("text", ["", "a.b", "a b", "*", ">", "x" * 65, "ingress-1\n"])
def test_a_name_that_is_not_a_token_of_a_subject_is_rejected(text: str) -> None:
    """A dot or a wildcard would make it another subject."""
    with pytest.raises(ValueError, match="must be 1 to 64 of"):
        instance_from_text(text)


def test_a_name_is_read_as_it_is() -> None:
    """Letters, digits, _ and -."""
    assert instance_from_text("Ingress_1-b") == "Ingress_1-b"
