"""Runs every benchmark, or those named on the command line, and prints what each measured."""
# a console program speaks to its console

import sys
from collections.abc import Callable

from benchmarks import (
    cost_by_stored,
    dispatcher_memory,
    dispatcher_restart,
    export_large,
    http_calls,
    ledger_book,
    ledger_history,
    ledger_large,
    ledger_restart,
    payment_cost,
    replicas,
    scale,
    statement_large,
    sync,
)

PARTS: dict[str, Callable[[], None]] = {
    "http_calls": http_calls.run,
    "payment_cost": payment_cost.run,
    "scale": scale.run,
    "sync": sync.run,
    "replicas": replicas.run,
    "cost_by_stored": cost_by_stored.run,
    "dispatcher_restart": dispatcher_restart.run,
    "dispatcher_memory": dispatcher_memory.run,
    "ledger_book": ledger_book.run,
    "ledger_history": ledger_history.run,
    "ledger_restart": ledger_restart.run,
    "ledger_large": ledger_large.run,
    "statement_large": statement_large.run,
    "export_large": export_large.run,
}


def main() -> int:
    """Run them one after another; 2 if a name is not one of them."""
    names = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        print(f"no benchmark is called {unknown[0]}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for name in names:
        print(f"== {name}: {(sys.modules[PARTS[name].__module__].__doc__ or '').splitlines()[0]}", flush=True)
        PARTS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
