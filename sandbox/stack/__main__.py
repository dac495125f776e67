"""``make up``: everything on one machine, in the foreground, until Ctrl-C."""

import os
import sys
from contextlib import AbstractContextManager, closing, nullcontext

from sandbox.checkout import TOP
from sandbox.stack import run_dir
from sandbox.stack.console import Console
from sandbox.stack.errors import StackError
from sandbox.stack.limits import cgroups
from sandbox.stack.limits import compose_limits as limits
from sandbox.stack.limits import limited_stack as limited
from sandbox.stack.plan import balancer, client_tls, clients, command_line, keys, nats, options, ports
from sandbox.stack.plan import parts_to_run as plan
from sandbox.stack.processes.readiness import Readiness
from sandbox.stack.processes.supervisor import Supervisor, stop_with_stdin
from services.access.processor_access import processor_access
from services.contracts.processor import processors_from_text
from services.settings.environment import SettingError


def main() -> int:
    """Run the stack; return 0 if it was asked to stop, 1 if it cannot start or continue, 2 for a wrong setting."""
    console = Console(sys.stdout)
    try:
        wanted = command_line.read(sys.argv[1:], os.environ)
        os.chdir(TOP)  # files that variables name relatively are the checkout's, as for each service
        # Wrong credentials fail here, and not in five deaths of a dispatcher.
        processor_access(os.environ, processors_from_text(wanted.processors))
        # Before anything is changed: whatever runs on these ports must not be disturbed.
        ports.check(plan.ports(wanted))
        with run_dir.locked(wanted.run_dir):
            return _run(wanted, console)
    except (StackError, SettingError) as error:
        console.say(str(error))
        return 1 if isinstance(error, StackError) else 2
    except KeyboardInterrupt:  # before there was anything to stop
        return 0


def _run(wanted: options.StackOptions, console: Console) -> int:
    nginx = balancer.find_nginx() if wanted.nginx_wanted else None
    if wanted.tls and nginx is None:
        raise StackError("TLS=1 needs nginx: apt-get install nginx-light")
    sockets = plan.socket_paths(wanted) if nginx else {}
    if wanted.keep:
        nats.refuse_other_store(wanted.run_dir, wanted.nodes)
    run_dir.clean(wanted.run_dir, keep=wanted.keep)
    bus_secrets = keys.make(wanted, os.environ)
    for node in wanted.nodes:
        folder = wanted.run_dir / node.name
        nats.write_conf(folder, node, wanted.nodes, sync=wanted.sync, bus_secrets=bus_secrets)
    if nginx:
        upstreams = [f"unix:{path}" for path in sockets.values()]
        listen = balancer.listen(wanted.http_port, tls=client_tls.make(wanted))
        balancer.write_conf(wanted.run_dir / "balancer", listen=listen, upstreams=upstreams)
    with (
        _limits(wanted, plan.stages(wanted, nginx)) as stages,
        run_dir.socket_folders(sockets.values()),
        closing(
            Readiness(wanted.http_url, sockets, client_tls.verify(wanted.run_dir) if wanted.tls else None)
        ) as readiness,
    ):
        console.say(clients.announcement(wanted.api_keys, wanted.http_port))
        supervisor = Supervisor(stages, wanted.run_dir, console)
        if wanted.stop_with_stdin:
            stop_with_stdin(supervisor)
        return supervisor.run(readiness.unready, plan.announcement(wanted, nginx))


def _limits(wanted: options.StackOptions, stages: plan.Stages) -> AbstractContextManager[plan.Stages]:
    if not wanted.limits_wanted:
        return nullcontext(stages)
    return limited.with_limits(stages, wanted.run_dir, cgroups.find(), limits.read())


if __name__ == "__main__":
    sys.exit(main())
