"""How many connections an ingress accepts, by how many files its process may open."""

import pytest

from services.ingress.adapters.connections import connections_within


@pytest.mark.parametrize(
    ("files_max", "connections"),
    [(None, 3072), (1_048_576, 3072), (1024, 768), (300, 150), (256, 128)],
)
def test_some_connections_are_accepted_however_few_files_there_are(files_max: int | None, connections: int) -> None:
    """Without a limit on files there is none on connections, and a low one leaves room for other files."""
    assert connections_within(3072, files_max) == connections
