"""What each processor takes of an amount, where that can be known."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from decimal import Decimal

from services.contracts.processor import processors_from_text
from services.settings.environment import text_as
from tarifa.client.documents import Vitals
from tarifa.client.following import Heard, heard
from tarifa.client.service import Service

Fees = Mapping[str, Decimal]

# Vitals come about once a second. Fees are worth that wait, and no longer one.
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


def fees_from_vitals(vitals: Vitals) -> Fees:
    """Return the fees that the service names."""
    return {processor.name: processor.fee for processor in vitals.processors if processor.fee is not None}


async def known_fees(service: Service, given: Fees) -> Fees:
    """Return the fees given, or what the service says about them within a moment; empty where nobody says."""
    if given:
        return given
    try:
        async with asyncio.timeout(VITALS_WITHIN_S), aclosing(heard(service)) as said:
            async for first in said:
                return fees_from_vitals(first.vitals) if isinstance(first, Heard) else {}
    except TimeoutError:
        return {}
    return {}
