"""Where fees come from."""

from decimal import Decimal

import pytest

from services.settings.environment import SettingError
from tarifa.client.documents import vitals_from
from tarifa.client.fees import fees_from_env, fees_from_vitals
from tests.unit.tarifa.samples import VITALS_TEXT


def test_fees_of_the_environment_are_those_of_processors() -> None:
    """Read as the services do; unset is unknown."""
    assert fees_from_env({"PROCESSORS": "a=http://x:1@0.05,b=http://x:2@0.125"}) == {
        "a": Decimal("0.05"),
        "b": Decimal("0.125"),
    }
    assert fees_from_env({}) == {}
    assert fees_from_env({"PROCESSORS": " "}) == {}


def test_a_wrong_variable_is_named() -> None:
    """It is not treated as unset."""
    with pytest.raises(SettingError, match="PROCESSORS has the fee"):
        fees_from_env({"PROCESSORS": "a=http://x:1@much"})


def test_fees_of_the_service_are_exact() -> None:
    """0.05 is five percent and not the double nearest to it."""
    assert fees_from_vitals(vitals_from(VITALS_TEXT)) == {"default": Decimal("0.05"), "fallback": Decimal("0.15")}
