"""The plan: which parts run, in which order, with which environment."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sandbox.stack.plan import command_line
from sandbox.stack.plan import parts_to_run as plan
from sandbox.stack.plan.parts_to_run import Part, Stages

NGINX = Path("/usr/sbin/nginx")


def planned(flags: Sequence[str] = (), env: Mapping[str, str] | None = None, nginx: Path | None = NGINX) -> Stages:
    """Return the stages for flags and an environment."""
    return plan.stages(command_line.read(flags, env or {}), nginx)


def names(stages: Stages) -> list[list[str]]:
    """Return the parts' names, stage by stage."""
    return [[part.name for part in stage] for stage in stages]


def part(stages: Stages, name: str) -> Part:
    """Return the part of a name."""
    return next(part for stage in stages for part in stage if part.name == name)


def test_parts_start_from_nats_to_the_balancer() -> None:
    """Each part starts after what it depends on; they stop in reverse."""
    assert names(planned()) == [
        ["nats"],
        ["processor-default", "processor-fallback"],
        ["ledger"],
        ["dispatcher-1"],
        ["ingress-1", "ingress-2"],
        ["balancer"],
    ]


def test_three_nats_servers_start_together_and_services_use_all() -> None:
    """NATS_NODES=3 is three parts of the first stage, with three replicas; all nine ports must be free."""
    env = {"NATS_NODES": "3"}
    assert names(planned(env=env))[0] == ["nats-1", "nats-2", "nats-3"]
    assert len([name for name in plan.ports(command_line.read([], env)) if "nats-" in name]) == 9
    for name in ("ledger", "dispatcher-1", "ingress-1", "ingress-2"):
        given = part(planned(env=env), name).env
        assert given["NATS_REPLICAS"] == "3"
        assert given["NATS_URL"] == "nats://127.0.0.1:4222,nats://127.0.0.1:4223,nats://127.0.0.1:4224"
        assert part(planned(), name).env["NATS_REPLICAS"] == "1"


def test_two_dispatchers_run_where_two_are_asked_for() -> None:
    """DISPATCHERS=2 is two parts of one stage."""
    assert ["dispatcher-1", "dispatcher-2"] in names(planned(env={"DISPATCHERS": "2"}))


def test_three_ingress_instances_run_where_three_are_asked_for() -> None:
    """INGRESSES=3 is three parts of one stage, each with a socket of its own before the balancer."""
    wanted = {"INGRESSES": "3"}
    assert ["ingress-1", "ingress-2", "ingress-3"] in names(planned(env=wanted))
    assert len(set(plan.socket_paths(command_line.read([], wanted)).values())) == 3


def test_given_processors_replace_the_stacks_own() -> None:
    """With PROCESSORS given there are none of its own, and their ports need not be free."""
    env = {"PROCESSORS": "bank=http://10.0.0.1:80@0.01"}
    assert not [name for stage in names(planned(env=env)) for name in stage if name.startswith("processor")]
    assert sorted(plan.ports(command_line.read(["--metrics", "0"], env))) == ["http", "monitoring of nats", "nats"]


def test_own_processors_get_their_port_fee_and_journal() -> None:
    """The processor's command line agrees with PROCESSORS, and names where its journal outlives a kill."""
    stages = planned(["--fallback", "7002", "--run-dir", "/x/run"], {"SANDBOX_FEES": "0.07,0.10"})
    command = part(stages, "processor-fallback").command[1:]
    assert command == (
        *("-m", "sandbox.processor", "--name", "fallback", "--port", "7002", "--fee", "0.10"),
        *("--journal", "/x/run/processor-fallback.journal"),
    )


def test_services_get_the_addresses_of_nats_and_the_processors() -> None:
    """Every service gets NATS_URL and PROCESSORS; everything else comes from the stack's own environment."""
    stages = planned(["--nats", "5222"])
    for name in ("ledger", "dispatcher-1", "ingress-1", "ingress-2"):
        assert part(stages, name).env["NATS_URL"] == "nats://127.0.0.1:5222"
        assert part(stages, name).env["PROCESSORS"].startswith("default=http://127.0.0.1:8001@0.05,")


def test_each_service_is_a_user_of_its_own_on_nats() -> None:
    """With its key in the folder, unless NATS is open, as under LIMITS, or keys are given."""
    flags = ["--run-dir", "/x/run"]
    for name, user in (("ledger", "ledger"), ("dispatcher-1", "dispatcher"), ("ingress-2", "ingress")):
        own = part(planned(flags), name).env
        assert (own["NATS_CREDENTIALS"], own["NATS_CA"]) == (f"/x/run/secrets/{user}.nk", "/x/run/secrets/ca.pem")
        for env in ({"NATS_OPEN": "1"}, {"LIMITS": "compose"}):
            none = part(planned(flags, env), name).env
            assert (none["NATS_CREDENTIALS"], none["NATS_CA"]) == ("", "")
        assert "NATS_OPEN" not in own
        given = part(planned(flags, {"NATS_CREDENTIALS": "/y/key"}), name).env
        assert not {"NATS_CREDENTIALS", "NATS_CA"} & set(given)


def test_services_are_ready_when_they_log_it() -> None:
    """The stack waits for the line that a service logs when it is ready."""
    ready = {name: part(planned(), name).ready for name in ("ledger", "dispatcher-1", "ingress-2")}
    assert ready == {"ledger": "ledger.ready", "dispatcher-1": "dispatcher.ready", "ingress-2": "ingress.ready"}


def test_every_service_has_a_metrics_port() -> None:
    """From the first port on, in the documented order; they must be free, and the printed lines say where they are."""
    env = {"DISPATCHERS": "3"}
    wanted = command_line.read([], env)
    stages = planned(env=env)
    expected = {
        "ingress-1": 9101,
        "ingress-2": 9102,
        "dispatcher-1": 9103,
        "ledger": 9104,
        "dispatcher-2": 9105,
        "dispatcher-3": 9106,
    }
    for name, port in expected.items():
        assert part(stages, name).env["METRICS_LISTEN"] == f"127.0.0.1:{port}"
        assert plan.ports(wanted)[f"metrics of {name}"] == port
        assert f"http://127.0.0.1:{port}/metrics ({name})" in "\n".join(plan.announcement(wanted, NGINX))


def test_without_metrics_no_service_inherits_an_address() -> None:
    """One address in the environment could be only one service's: each gets an empty one."""
    stages = planned(["--metrics", "0"], {"METRICS_LISTEN": "127.0.0.1:1"})
    assert {part(stages, name).env["METRICS_LISTEN"] for name in ("ledger", "dispatcher-1", "ingress-1")} == {""}
    assert not [
        line
        for line in plan.announcement(command_line.read(["--metrics", "0"], {}), NGINX)
        if line.startswith("metrics")
    ]


@pytest.mark.parametrize(
    ("sync", "line"),
    [("always", "sync       each message before its PubAck (SYNC=always)"), ("100ms", "sync       every 100ms (SYNC=")],
)
def test_the_printed_lines_say_what_a_power_cut_may_lose(sync: str, line: str) -> None:
    """Who starts it need not know the server's words."""
    assert line in "\n".join(plan.announcement(command_line.read([], {"SYNC": sync}), NGINX))


def test_the_printed_lines_say_how_to_require_keys_and_keep_what_is_stored() -> None:
    """The start with keys must not delete the log that has who added the key."""
    lines = "\n".join(plan.announcement(command_line.read([], {}), NGINX))
    assert "KEEP=1 API_KEYS=.run/api_keys.json make up" in lines
    assert "a start without KEEP=1 deletes what is stored there, the log of operators' actions too" in lines


def test_behind_nginx_every_instance_has_a_socket_of_its_own() -> None:
    """The instances listen on unix sockets in the stack's folder."""
    stages = planned(["--run-dir", "/x/run"])
    assert part(stages, "ingress-1").env["INGRESS_LISTEN"] == "unix:/x/run/ingress-1.sock"
    assert part(stages, "ingress-2").env["INGRESS_LISTEN"] == "unix:/x/run/ingress-2.sock"


def test_a_folder_too_deep_for_sockets_gets_them_elsewhere() -> None:
    """A unix socket's path has a limit: beyond it the sockets move to a short folder, two folders never to the same."""
    first, second = (
        plan.socket_paths(command_line.read(["--run-dir", f"/{'deep/' * 20}{name}"], {}))["ingress-1"]
        for name in ("a", "b")
    )
    assert max(len(str(first)), len(str(second))) < 63
    assert first != second


def test_without_nginx_the_instances_share_the_port() -> None:
    """No balancer: both listen on the clients' port, and the printed lines say so."""
    stages = planned(["--http", "7999"], nginx=None)
    for name in ("ingress-1", "ingress-2"):
        env = part(stages, name).env
        assert (env["INGRESS_LISTEN"], env["INGRESS_REUSE_PORT"]) == ("127.0.0.1:7999", "1")
    assert ["balancer"] not in names(stages)
    assert "no nginx here" in plan.announcement(command_line.read([], {}), None)[0]


def test_the_balancer_ends_its_worker_however_it_is_stopped() -> None:
    """Nginx finishes requests when stopped; as an orphan it is asked: SIGKILL would leave its worker."""
    balancer = part(planned(), "balancer")
    assert (balancer.stop_signal, balancer.orphan_signal) == (signal.SIGQUIT, signal.SIGTERM)


def test_every_service_is_named_as_its_part() -> None:
    """The operator's page names the instances so; what it names can be found among the logs and process ids."""
    stages = planned(env={"DISPATCHERS": "2"})
    for name in ("ledger", "dispatcher-1", "dispatcher-2", "ingress-1", "ingress-2"):
        assert part(stages, name).env["INSTANCE"] == name
