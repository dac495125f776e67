"""Whether a key file can be used, at the time of a scrape."""

import logging

from services.log_throttle import FailureLog
from services.metrics.key_files import of_key_files
from tests.scraped import scraped_from

NAME = "tarifa_key_file_unusable"


async def test_a_file_is_unusable_until_it_was_read_again() -> None:
    """One value for each setting."""
    failures = FailureLog(logging.getLogger("test"), "credentials.not_read")
    source = of_key_files({"PROCESSOR_CREDENTIALS": lambda: failures.is_failing, "API_KEYS": lambda: False})
    found = []
    for change in (lambda: None, lambda: failures.failed("it is gone"), failures.succeeded):
        change()
        found.append((await scraped_from(source)).value(NAME, setting="PROCESSOR_CREDENTIALS"))
    assert found == [0, 1, 0]
    assert (await scraped_from(source)).value(NAME, setting="API_KEYS") == 0
