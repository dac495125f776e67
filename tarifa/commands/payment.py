"""``tarifa payment``: one payment's life."""

import asyncio
import os
from typing import Annotated, assert_never

import typer

from tarifa.client.answers import LifeAnswer, MissingAnswer, Negative, RejectedAnswer, TryLaterAnswer, UnreachableAnswer
from tarifa.client.service import Service
from tarifa.commands.arguments import id_from_text, key_from_env, url_from_text
from tarifa.commands.options import DEFAULT_URL, AsJson, Url, console
from tarifa.exits import Exit, end, readable_arguments
from tarifa.views.lists import life_view
from tarifa.views.verdicts import negative_verdict, slug_of

EXAMPLES = """Examples:
  tarifa payment 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3
  tarifa payment 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3 --json

Exit codes: 0 shown, 2 not an id, 6 service not reachable, 7 no such payment."""


def payment_command(
    payment_id: Annotated[str, typer.Argument(metavar="ID", help="The payment's correlationId.")],
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show one payment's life: accepted, assigned, each call that is known, released, settled or refused.

    Steps that were not recorded are listed as not known.
    """
    with readable_arguments():
        known_id = id_from_text(payment_id)
        service = Service(url_from_text(url), key_from_env(os.environ))
    match asyncio.run(_ask(service, known_id)):
        case LifeAnswer(life, text):
            if as_json:
                typer.echo(text)
            else:
                console().print(life_view(life))
        case MissingAnswer():
            sentence = f"{service.url} has no payment {known_id}: check the id, and the answer to its POST."
            end(Exit.MISSING, sentence, "no_such_payment")
        case (RejectedAnswer() | TryLaterAnswer() | UnreachableAnswer()) as negative:
            end(*negative_verdict(service.url, negative), slug_of(negative))
        case never:
            assert_never(never)


async def _ask(asked: Service, payment_id: str) -> LifeAnswer | MissingAnswer | Negative:
    async with asked as service:
        return await service.life(payment_id)
