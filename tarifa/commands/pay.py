"""``tarifa pay``: sends one payment and waits for its settlement."""

import asyncio
import os
import uuid
from collections.abc import Callable
from typing import Annotated

import typer
from rich.text import Text

from tarifa.client.documents import json_text
from tarifa.client.fees import Fees, fees_from_env, known_fees
from tarifa.client.paying import Ending, PayStep, RefusedEnding, SettledEnding, pay
from tarifa.client.service import ANSWER_WITHIN_S, Service
from tarifa.commands.arguments import amount_from_text, id_from_text, key_from_env, length_from_text, url_from_text
from tarifa.commands.options import DEFAULT_URL, AsJson, Url, console
from tarifa.exits import Exit, end, end_reported, readable_arguments
from tarifa.views.payments import ending_line, settled_lines, step_line
from tarifa.views.verdicts import Order, pay_document, pay_verdict

EXAMPLES = """Examples:
  tarifa pay 19.90
  tarifa pay 19.90 --id 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3
  tarifa pay 5 --wait 2m --json

Exit codes: 0 settled, 2 wrong usage, 3 refused by a processor,
4 rejected by the service, 5 accepted and not settled in time,
6 service not reachable, or payment not known to be stored: repeat it
with its id."""


def pay_command(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Amount, with at most two decimals.")],
    *,
    payment_id: Annotated[
        str | None, typer.Option("--id", metavar="UUID", help="The payment's id; default: a new one.")
    ] = None,
    wait: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for the settlement.")] = "30s",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Send a payment, and wait until it is settled.

    Each step is shown as it happens, with the time since the request began,
    measured on this machine. Repeating the same id and amount charges only once.
    """
    with readable_arguments():
        new_or_given = id_from_text(payment_id) if payment_id else str(uuid.uuid4())
        wait_s = length_from_text("--wait", wait).total_seconds()
        order = Order(new_or_given, amount_from_text(amount), url_from_text(url), wait_s)
        given_fees = fees_from_env(os.environ)
        service = Service(order.url, key_from_env(os.environ), min(ANSWER_WITHIN_S, order.wait_s))
    out = console()

    def say(line: Text) -> None:
        if not as_json:
            out.print(line, soft_wrap=True)

    say(Text(f"payment {order.payment_id} of {order.amount} to {order.url}"))
    steps: list[PayStep] = []
    try:
        ending, fees = asyncio.run(_carry_out(service, order, given_fees, steps, say))
    except KeyboardInterrupt:
        end(Exit.STOPPED, f"Stopped; what was accepted will still be charged: `tarifa payment {order.payment_id}`.")
    if as_json:
        typer.echo(json_text(pay_document(order, steps, ending, fees)))
    code, sentence = pay_verdict(order, ending)
    if code is not Exit.DONE:
        end_reported(code, sentence)


async def _carry_out(
    asked: Service, order: Order, given_fees: Fees, steps: list[PayStep], say: Callable[[Text], None]
) -> tuple[Ending, Fees]:
    def show(step: PayStep) -> None:
        steps.append(step)
        say(step_line(step))

    async with asked as service:
        ending = await pay(service, order.payment_id, order.amount, wait_s=order.wait_s, show=show)
        if isinstance(ending, SettledEnding | RefusedEnding):
            say(ending_line(ending))
        if not isinstance(ending, SettledEnding):
            return ending, given_fees
        # The settlement is shown before the fees are asked for.
        fees = await known_fees(service, given_fees)
        for line in settled_lines(ending.payment, fees):
            say(line)
        return ending, fees
