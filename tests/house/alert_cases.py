"""For each alert: series that make it fire, and series close to those that do not, in promtool's own notation."""

from typing import Any, NamedTuple

Series = dict[str, str]

INTERVAL = "15s"
AT = "12m"
ALWAYS = "x300"  # longer than any case's evaluation time


class Case(NamedTuple):
    """Series by name and labels, and the labels of the alert without its severity.

    ``fires``: with these it fires; ``rests``, ``also_rests``: with these it does not. ``at``: the evaluation time.
    """

    fires: Series
    rests: Series
    labels: dict[str, str] = {}  # noqa: RUF012  # a tuple's default, never changed
    also_rests: Series | None = None
    at: str = AT


def _still(value: float) -> str:
    return f"{value}+0{ALWAYS}"


def _growing(by: float) -> str:
    return f"0+{by}{ALWAYS}"


# Zero until shortly before AT, when it happens once.
_ONCE = "0x44 1x24"
_LONG_AGO = "1x100"

_DEFAULT = {"processor": "default"}
_WAITING = {
    'tarifa_processor_serving{processor="default"}': _still(0),
    'tarifa_processor_serving{processor="fallback"}': _still(1),
    'tarifa_bound_payments{processor="default"}': _still(3),
    'tarifa_left_behind_payments{processor="default",instance="a"}': _still(2),
    'tarifa_left_behind_payments{processor="default",instance="b"}': _still(2),
    'tarifa_settlements_stored_total{processor="default",kind="settled"}': _still(70),
}
_ANSWERED = 'tarifa_payments_answered_total{instance="a",result="accepted"}'
_LATER = 'tarifa_payments_answered_total{instance="b",result="try_later"}'
_BACKLOG_FULL = 'tarifa_payments_turned_down_total{reason="backlog_full"}'
_UP = {
    'up{job="ingress",instance="i"}': _still(1),
    'up{job="dispatcher",instance="d"}': _still(1),
    'up{job="ledger",instance="l"}': _still(1),
}


def _p99(slow: float) -> Series:
    """Return a histogram in which this share is slow."""
    name = "tarifa_payment_answer_seconds_bucket"
    return {
        f'{name}{{le="0.005"}}': _growing(100 * (1 - slow)),
        f'{name}{{le="0.25"}}': _growing(100 * (1 - slow)),
        f'{name}{{le="0.5"}}': _growing(100),
        f'{name}{{le="+Inf"}}': _growing(100),
    }


def _clocks(ahead_s: float) -> Series:
    """Return two clocks, the second ahead; the first differs from Prometheus' own, which must not matter."""
    return {
        'tarifa_clock_seconds{instance="a"}': f"100+15{ALWAYS}",
        'tarifa_clock_seconds{instance="b"}': f"{100 + ahead_s}+15{ALWAYS}",
    }


def _volume(available: int) -> Series:
    labels = '{persistentvolumeclaim="streams-nats-1"}'
    return {
        f"kubelet_volume_stats_available_bytes{labels}": _still(available),
        f"kubelet_volume_stats_capacity_bytes{labels}": _still(100),
        'kubelet_volume_stats_available_bytes{persistentvolumeclaim="another"}': _still(1),
        'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="another"}': _still(100),
    }


_SETTLED = 'tarifa_settlements_stored_total{processor="fallback",kind="settled"}'

CASES: dict[str, Case] = {
    "TarifaPostErrors": Case(
        {_ANSWERED: _growing(97), _LATER: _growing(3)}, {_ANSWERED: _growing(999), _LATER: _growing(1)}
    ),
    "TarifaPostSlow": Case(_p99(0.02), _p99(0.001)),
    "TarifaBacklogFull": Case({_BACKLOG_FULL: _ONCE}, {_BACKLOG_FULL: _LONG_AGO}),
    "TarifaNothingSettles": Case(
        {**_WAITING, _SETTLED: _still(9), "tarifa_backlog_payments": _still(6)},
        {**_WAITING, _SETTLED: _still(9), "tarifa_backlog_payments": _still(5)},
        also_rests={
            **_WAITING,
            _SETTLED: _still(9),
            "tarifa_backlog_payments": _still(6),
            'tarifa_processor_paused{processor="fallback"}': _still(1),
        },
    ),
    "TarifaBacklogOld": Case(
        {"tarifa_backlog_oldest_seconds": _still(61)}, {"tarifa_backlog_oldest_seconds": _still(59)}
    ),
    "TarifaPaymentsInDoubt": Case(
        {'tarifa_bound_oldest_seconds{processor="default"}': _still(61)},
        {'tarifa_bound_oldest_seconds{processor="default"}': _still(59)},
        _DEFAULT,
    ),
    "TarifaPaymentsLeftBehind": Case(
        {'tarifa_left_behind_payments{processor="default"}': _still(1)},
        {'tarifa_left_behind_payments{processor="default"}': _still(0)},
        _DEFAULT,
    ),
    "TarifaPaymentsFailed": Case({"tarifa_payments_failed_total": _ONCE}, {"tarifa_payments_failed_total": _LONG_AGO}),
    "TarifaSettlementsNotStored": Case(
        {"tarifa_settlements_not_stored_total": _growing(1)}, {"tarifa_settlements_not_stored_total": _still(4)}
    ),
    "TarifaAmountDiffers": Case(
        {"tarifa_payments_amount_differs_total": _ONCE}, {"tarifa_payments_amount_differs_total": _still(0)}
    ),
    "TarifaConflicts": Case({"tarifa_ledger_conflicts": _still(1)}, {"tarifa_ledger_conflicts": _still(0)}),
    "TarifaUnreadable": Case(
        {"tarifa_ledger_unreadable": _still(0), "tarifa_payments_unreadable_total": _ONCE},
        {"tarifa_ledger_unreadable": _still(0), "tarifa_payments_unreadable_total": _LONG_AGO},
    ),
    "TarifaSettlementsDamaged": Case(
        {"tarifa_ledger_settlements_missing": _still(0), "tarifa_ledger_stretches_differing": _still(1)},
        {"tarifa_ledger_settlements_missing": _still(0), "tarifa_ledger_stretches_differing": _still(0)},
    ),
    "TarifaLedgerNotWhole": Case(
        {'tarifa_ledger_current{instance="a"}': _still(0)},
        {'tarifa_ledger_current{instance="a"}': _still(0), 'tarifa_ledger_current{instance="b"}': _still(1)},
    ),
    "TarifaSnapshotsFail": Case(
        {"tarifa_ledger_snapshots_failed_total": _ONCE, "tarifa_ledger_snapshots_refused_total": _still(0)},
        {"tarifa_ledger_snapshots_failed_total": _still(2), "tarifa_ledger_snapshots_refused_total": _still(0)},
    ),
    "TarifaProcessorFailing": Case(
        {'tarifa_processor_serving{processor="default",instance="a"}': _still(0)},
        {
            'tarifa_processor_serving{processor="default",instance="a"}': _still(0),
            'tarifa_processor_serving{processor="default",instance="b"}': _still(1),
        },
        _DEFAULT,
    ),
    "TarifaNobodyServes": Case(
        {
            'tarifa_processor_serving{processor="default"}': _still(0),
            'tarifa_processor_serving{processor="fallback"}': _still(1),
            'tarifa_processor_paused{processor="default"}': _still(0),
            'tarifa_processor_paused{processor="fallback"}': _still(1),
        },
        {
            'tarifa_processor_serving{processor="default"}': _still(0),
            'tarifa_processor_serving{processor="fallback"}': _still(1),
        },
        also_rests={
            'tarifa_processor_serving{processor="default"}': _still(0),
            'tarifa_processor_paused{processor="default"}': _still(1),
        },
    ),
    "TarifaAllPaused": Case(
        {
            'tarifa_processor_paused{processor="default",instance="a"}': _still(1),
            'tarifa_processor_paused{processor="fallback",instance="a"}': _still(1),
        },
        {
            'tarifa_processor_paused{processor="default",instance="a"}': _still(1),
            'tarifa_processor_paused{processor="fallback",instance="a"}': _still(0),
        },
    ),
    "TarifaProcessorPaused": Case(
        {
            'tarifa_processor_paused{processor="default",instance="a"}': _still(1),
            'tarifa_processor_paused{processor="fallback",instance="a"}': _still(0),
        },
        # Paused twice, neither time long enough.
        {'tarifa_processor_paused{processor="default",instance="a"}': "1x100 0x2 1x200"},
        _DEFAULT,
        at="62m",
    ),
    "TarifaInstanceDown": Case(
        {**_UP, 'up{job="ledger",instance="l2"}': _still(0)},
        {**_UP, 'up{job="node",instance="n"}': _still(0)},
        {"job": "ledger", "instance": "l2"},
    ),
    "TarifaServiceAbsent": Case(
        {name: value for name, value in _UP.items() if "dispatcher" not in name}, _UP, {"job": "dispatcher"}
    ),
    "TarifaKeyFileUnusable": Case(
        {
            'tarifa_key_file_unusable{job="ingress",instance="a",setting="API_KEYS"}': _still(0),
            'tarifa_key_file_unusable{job="ingress",instance="b",setting="API_KEYS"}': _still(1),
        },
        {'tarifa_key_file_unusable{job="ingress",instance="a",setting="API_KEYS"}': _still(0)},
        {"job": "ingress", "setting": "API_KEYS"},
        # In the moment between the replacement of two files.
        also_rests={'tarifa_key_file_unusable{job="ingress",instance="a",setting="API_KEYS"}': "0x20 1x1 0x100"},
    ),
    "TarifaRequestsDenied": Case(
        {
            'tarifa_requests_denied_total{instance="a",reason="key_unknown"}': _growing(9),
            'tarifa_requests_denied_total{instance="b",reason="key_unknown"}': _growing(9),
        },
        {'tarifa_requests_denied_total{instance="a",reason="key_unknown"}': _growing(14)},
        {"reason": "key_unknown"},
        also_rests={'tarifa_requests_denied_total{instance="a",reason="too_many_requests"}': _growing(900)},
    ),
    "TarifaNatsAway": Case(
        {'tarifa_bus_connected{job="ingress",instance="i"}': _still(0)},
        {'tarifa_bus_connected{job="ingress",instance="i"}': _still(1)},
        {"job": "ingress", "instance": "i"},
    ),
    "TarifaNatsServerDown": Case(
        {'tarifa_nats_server_up{server="nats-1"}': _still(0), 'tarifa_nats_server_up{server="nats-2"}': _still(1)},
        {'tarifa_nats_server_up{server="nats-1"}': _still(1), 'tarifa_nats_server_up{server="nats-2"}': _still(1)},
        {"server": "nats-1"},
    ),
    "TarifaSettlementsNearlyFull": Case(
        {"tarifa_settlements_bytes": _still(81), "tarifa_settlements_max_bytes": _still(100)},
        {"tarifa_settlements_bytes": _still(79), "tarifa_settlements_max_bytes": _still(100)},
    ),
    "TarifaVolumeNearlyFull": Case(_volume(14), _volume(16), {"persistentvolumeclaim": "streams-nats-1"}),
    "TarifaClockSkew": Case(_clocks(3), _clocks(1)),
}


def promtool_tests(rules: str, expected: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return promtool's document: each alert with series that fire it and with series that do not.

    ``rules`` is the path of the rules; ``expected`` are the labels and annotations of each alert.
    """
    return {
        "rule_files": [rules],
        "evaluation_interval": INTERVAL,
        "tests": [
            {
                "name": f"{name} {'fires' if alerts else 'rests'}",
                "interval": INTERVAL,
                "input_series": [{"series": series, "values": values} for series, values in given.items()],
                "alert_rule_test": [{"alertname": name, "eval_time": case.at, "exp_alerts": alerts}],
            }
            for name, case in CASES.items()
            for given, alerts in ((case.fires, [expected[name]]), (case.rests, []), (case.also_rests, []))
            if given is not None
        ],
    }
