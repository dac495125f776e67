"""The limits of docker-compose.yml as values: read as docker reads them, rejected where there are none."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.stack.errors import StackError
from sandbox.stack.limits import compose_limits as limits
from sandbox.stack.plan import command_line
from sandbox.stack.plan import parts_to_run as plan
from services.settings.environment import SettingError


def service(**given: Any) -> dict[str, Any]:
    """Return a document with one service of such limits."""
    return {"services": {"nats": {"deploy": {"resources": {"limits": given}}}}}


def test_a_services_limits_and_settings_are_read() -> None:
    """CPUs stay exact, settings become text."""
    document = service(cpus="0.45", memory="105MB")
    document["services"]["nats"]["environment"] = {"GOMEMLIMIT": "80MiB", "ALLOW_PURGE": 1}
    env = {"GOMEMLIMIT": "80MiB", "ALLOW_PURGE": "1"}
    assert limits.of_compose(document) == {"nats": limits.Limit(Decimal("0.45"), 105 * 1024**2, env)}


@pytest.mark.parametrize(
    ("text", "size"), [("7", 7), ("7b", 7), ("7k", 7168), ("1.5MB", 1_572_864), ("15m", 15_728_640), ("1G", 1024**3)]
)
def test_sizes_count_as_docker_counts(text: str, size: int) -> None:
    """Powers of 1024, with or without a B."""
    assert limits.bytes_from_text(text) == size


@pytest.mark.parametrize("text", ["", "MB", "12 bananas", "1mk"])
def test_what_is_not_a_size_is_rejected(text: str) -> None:
    """The text is quoted."""
    with pytest.raises(ValueError, match="is not a size"):
        limits.bytes_from_text(text)


@pytest.mark.parametrize("given", [{}, {"cpus": "0.1"}, {"cpus": "half", "memory": "5MB"}, {"cpus": "1", "memory": ""}])
def test_a_service_without_limits_is_named(given: dict[str, str]) -> None:
    """Running it without limits would not measure what is submitted."""
    with pytest.raises(StackError, match="nats has no usable"):
        limits.of_compose(service(**given))


def test_every_part_but_the_processors_has_a_services_limits() -> None:
    """Two dispatchers share the limits of the one."""
    stages = plan.stages(command_line.read([], {"DISPATCHERS": "2"}), plan.Path("/usr/sbin/nginx"))
    assert {part.name: limits.service_of(part.name) for stage in stages for part in stage} == {
        "nats": "nats",
        "processor-default": None,
        "processor-fallback": None,
        "ledger": "ledger",
        "dispatcher-1": "dispatcher",
        "dispatcher-2": "dispatcher",
        "ingress-1": "ingress-1",
        "ingress-2": "ingress-2",
        "balancer": "nginx",
    }


def test_limits_must_be_asked_for() -> None:
    """LIMITS is compose or unset; anything else is refused by name."""
    assert command_line.read([], {"LIMITS": "compose"}).limits_wanted
    assert not command_line.read([], {}).limits_wanted
    with pytest.raises(SettingError, match=r"^LIMITS "):
        command_line.read([], {"LIMITS": "docker"})
