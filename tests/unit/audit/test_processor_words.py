"""When a processor may not be moved to a URL."""

import pytest

from services.audit.core.processor_words import refusal
from services.contracts.processor_entry import ProcessorEntry

ENTRIES = {
    "default": ProcessorEntry("https://a", "0.05", 0, 1),
    "fallback": ProcessorEntry("http://b:8001", "0.15", 1, 1),
    "gone": ProcessorEntry("http://c", "0.15", 2, 1, state="removed"),
}


@pytest.mark.parametrize(
    ("name", "url", "sentence"),
    [
        ("default", "https://b", None),
        ("fallback", "http://a", None),
        ("fallback", "https://c", None),
        ("default", "http://a", "default is called over TLS now, and http://a is unencrypted"),
        ("default", "http://127.0.0.1:8001", "unencrypted; for another processor, change PROCESSORS"),
        ("fallback", "https://A:443/", "default has the URL https://A:443/"),
        ("gone", "https://c", "there is no processor gone; there are default, fallback"),
    ],
)
def test_a_move_that_would_be_wrong_is_refused(name: str, url: str, sentence: str | None) -> None:
    """To another's address, of an unknown processor, or out of TLS: writing to the bucket must not expose the calls."""
    said = refusal(ENTRIES, name, url)
    assert said is None if sentence is None else sentence in (said or "")
