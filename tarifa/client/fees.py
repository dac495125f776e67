"""Each processor's fee, where it can be known."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from decimal import Decimal

from services.contracts.processor import processors_from_text
from services.settings.environment import text_as
from tarifa.client.documents import VitalsDocument
from tarifa.client.following import Update, updates
from tarifa.client.service import Service

Fees = Mapping[str, Decimal]

# Vitals come about once a second; the fees are worth waiting that long, and no longer.
VITALS_WITHIN_S = 1.5


def fees_from_env(env: Mapping[str, str]) -> Fees:
    """Return the fees of PROCESSORS by name; without that variable none are known.

    Raises:
        SettingError: it cannot be read; the text names it.
    """
    if not env.get("PROCESSORS", "").strip():
        return {}
    processors = text_as(env, "PROCESSORS", "", processors_from_text)
    return {processor.name: processor.fee for processor in processors}


def fees_from_vitals(vitals: VitalsDocument) -> Fees:
    """Return the fees that the vitals contain."""
    return {processor.name: processor.fee for processor in vitals.processors if processor.fee is not None}


async def known_fees(service: Service, given: Fees) -> Fees:
    """Return the fees given, or those of the service's vitals within ``VITALS_WITHIN_S``; empty if neither has any."""
    if given:
        return given
    try:
        async with asyncio.timeout(VITALS_WITHIN_S), aclosing(updates(service)) as received:
            async for first in received:
                return fees_from_vitals(first.vitals) if isinstance(first, Update) else {}
    except TimeoutError:
        return {}
    return {}
