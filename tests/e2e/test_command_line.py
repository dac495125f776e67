"""The command line against a running system: what it prints is what the system did."""

import json
from decimal import Decimal

import pytest

from sandbox.stack import Stack
from tests.e2e.running_system import RunningSystem, new_id
from tests.integration.tarifa.command_line import one_sentence, run


def test_a_payment_is_paid_looked_up_and_counted(stack: Stack) -> None:
    """One amount, from the command line through the processor's book and back, to the cent."""
    payment_id = new_id()
    paid = run("pay", "19.90", "--id", payment_id, "--json", env={"TARIFA_URL": stack.http_url})
    assert (paid.returncode, paid.stderr) == (0, "")
    receipt = json.loads(paid.stdout, parse_float=Decimal)
    assert (receipt["outcome"], receipt["processor"], receipt["replayed"]) == ("settled", "default", False)

    looked_up = json.loads(run("payment", payment_id, "--url", stack.http_url, "--json").stdout, parse_float=Decimal)
    assert looked_up["status"] == "settled"
    assert looked_up["amount"] == receipt["amount"] == Decimal("19.90")
    assert looked_up["requestedAt"] == receipt["requestedAt"]

    stamp = receipt["requestedAt"]
    counted = run("summary", "--from", stamp, "--to", stamp, "--json", "--url", stack.http_url)
    assert json.loads(counted.stdout, parse_float=Decimal)["total"]["amount"] == Decimal("19.90")


def test_the_same_payment_again_is_charged_once(stack: Stack) -> None:
    """The output says that it is a repeat; with another amount the id is rejected."""
    payment_id = new_id()
    first = run("pay", "5", "--id", payment_id, "--url", stack.http_url)
    again = run("pay", "5.00", "--id", payment_id.upper(), "--url", stack.http_url)
    other = run("pay", "6", "--id", payment_id, "--url", stack.http_url)
    assert (first.returncode, again.returncode, other.returncode) == (0, 0, 4)
    assert "it was accepted before, and is charged once" in again.stdout
    assert "(amount_differs)" in one_sentence(other.stderr)


def test_a_person_reads_lines_and_tables(stack: Stack) -> None:
    """The same facts without --json; fees come from PROCESSORS, the variable that the services read too."""
    fees = {"TARIFA_URL": stack.http_url, "PROCESSORS": "default=http://x:1@0.05,fallback=http://x:2@0.15"}
    paid = run("pay", "19.90", env=fees).stdout.splitlines()
    assert paid[2].startswith("  settled     at default after ")
    assert paid[-1] == "  fee         0.995 (5 %)"
    payment_id = paid[0].split()[1]
    assert ["status", "settled"] in [line.split() for line in run("payment", payment_id, env=fees).stdout.splitlines()]
    table = [line.split() for line in run("summary", "--since", "1h", env=fees).stdout.splitlines()]
    assert [row[0] for row in table if "%" in row] == ["default", "fallback"]


def test_an_error_of_the_service_is_one_sentence(stack: Stack) -> None:
    """For an unknown id, and for an amount above the limit."""
    missing = run("payment", new_id(), "--url", stack.http_url)
    assert missing.returncode == 7
    assert "has no payment" in one_sentence(missing.stderr)
    dear = run("pay", "9999999999.99", "--url", stack.http_url)
    assert dear.returncode == 4
    assert "(amount_too_large)" in one_sentence(dear.stderr)


async def test_a_payment_not_settled_in_time_is_reported_as_accepted(system: RunningSystem) -> None:
    """With exit code 5; it is settled later all the same."""
    for name in ("default", "fallback"):
        await system.set_processor(name, failing=True)
    payment_id = new_id()
    done = run("pay", "19.90", "--id", payment_id, "--wait", "1s", "--url", system.stack.http_url)
    assert done.returncode == 5
    assert f"look again with `tarifa payment {payment_id}`" in one_sentence(done.stderr)
    for name in ("default", "fallback"):
        await system.set_processor(name, failing=False)
    await system.until_settled([payment_id])
    await system.assert_charged_once([payment_id])


@pytest.mark.parametrize("since", ["1s", "7d"])
def test_an_empty_period_is_zeros(stack: Stack, since: str) -> None:
    """It is not an error, and every processor is listed."""
    summary = json.loads(run("summary", "--since", since, "--json", "--url", stack.http_url).stdout)
    assert [part["name"] for part in summary["processors"]] == ["default", "fallback"]
