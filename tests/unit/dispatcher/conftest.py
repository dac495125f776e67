"""A dispatcher's flow with fakes around it."""

import pytest

from tests.unit.dispatcher.dispatcher_flow import Dispatcher


@pytest.fixture
def dispatcher() -> Dispatcher:
    """A dispatcher with nothing in hand."""
    return Dispatcher()
