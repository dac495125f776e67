"""``tarifa release``: one payment, from a processor that will never answer."""

from typing import Annotated

import typer

from tarifa.commands.programs import Word, flags_of, operate

EXAMPLES = """Examples:
  tarifa release ID --to fallback --reason 'default was shut down'
  tarifa release 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3 --to other --reason gone

IT MAY THEN BE CHARGED TWICE: what was past its look-up is still sent, and
may be booked. It asks two questions, and does nothing unless both are answered.

It needs a running dispatcher, which asks every processor. NATS_URL,
NATS_CREDENTIALS and NATS_CA are read from the environment. Exit codes:
0 released, 1 not released, 2 wrong usage or settings, 3 not known."""


def release_command(
    payment_id: Annotated[str, typer.Argument(metavar="ID", help="The payment's correlationId.")],
    *,
    to: Annotated[str, typer.Option("--to", metavar="PROCESSOR", help="Where it is charged instead.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept with the record.")],
    accepted: Annotated[
        Word, typer.Option("--i-accept-the-risk-of-a-double-charge", metavar="ID", help="Instead of the questions.")
    ] = None,
) -> None:
    """Release a payment from the processor that it is assigned to. It may then be charged twice."""
    more = {"--to": to, "--reason": reason, "--i-accept-the-risk-of-a-double-charge": accepted}
    operate("services.audit.release", [payment_id, *flags_of(more)])
