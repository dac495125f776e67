"""The history of a payment with a violation: what every place recorded about it, and the faults around it."""

from collections import Counter
from pathlib import Path

from sandbox.chaos.audit import Verdict, Violation
from sandbox.chaos.fault_injector import InjectedFault
from sandbox.chaos.offered_payment import OfferedPayment
from sandbox.chaos.pauses import PauseCounts
from sandbox.chaos.payment_history import history_of
from sandbox.chaos.planned_fault import FaultKind, PlannedFault
from sandbox.chaos.restored_store import MissingFromCopy
from sandbox.chaos.run_audit import RunAudit
from sandbox.charges import Charge
from sandbox.nats_connection import NatsMessage

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
CHARGE = Charge("default", ID, 1990, 101_000_000)
# As a server answers a batched Direct Get.
HEADERS = {"Nats-Sequence": "7", "Nats-Time-Stamp": "1970-01-01T00:01:40.5Z"}


def test_it_has_what_each_place_recorded_and_the_faults_around_it(tmp_path: Path) -> None:
    """Nothing about another payment, and no fault that was over before."""
    offer = OfferedPayment(ID, 1990)
    offer.record_request(100.0, "POST OFFER")
    (tmp_path / "stack.log").write_text(f"assigned {ID.upper()}\nassigned another\n")
    (tmp_path / "processor-default.journal").write_text(f"B {ID} 1990 101000000\n")
    subjects = (f"payments.accepted.{ID}", "payments.accepted.another")
    audit = RunAudit(
        charges=[CHARGE, Charge("default", "another", 1, 0)],
        streams={"PAYMENTS": [NatsMessage(subject, b"{}", headers=HEADERS) for subject in subjects]},
        unknown=[],
        alarms=Counter(),
        violations=[Violation(Verdict.DOUBLED, ID, "charged 2 times")],
        second_charges=[],
        pauses=PauseCounts(0, 0, 0, 0),
        missing_from_copy=MissingFromCopy([], []),
        slowest_s=0.0,
    )
    kill = PlannedFault(0.0, FaultKind.KILL, "nats")
    faults = [InjectedFault(kill, began_s, began_s + 1.0) for began_s in (90.0, 99.0)]
    assert history_of(ID, offer, audit, tmp_path, faults) == [
        f"The history of {ID}:",
        "  wrong: charged 2 times",
        "  client 00:01:40.000 POST OFFER",
        f"  stack.log: assigned {ID.upper()}",
        f"  processor-default.journal: B {ID} 1990 101000000",
        f"  PAYMENTS holds 7 1970-01-01T00:01:40.5Z payments.accepted.{ID} {{}}",
        f"  booked at {CHARGE}",
        "  fault 00:01:39.000 kill nats for 1.0 s",
    ]
