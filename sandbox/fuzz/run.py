"""A run: for each operation of /openapi.json its boundary cases, then generated requests, valid and invalid ones.

Limited by counts and not by time, and the same for the same seed. All checks of schemathesis are on: no fault, status,
content type, headers and schema as described, valid requests accepted, invalid ones refused, methods that are not
described answered with 405. What was answered with 202 is looked up at the end: accepted means stored.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, Config, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from sandbox import api_key
from sandbox.fuzz.corrections import corrected_body, corrected_list, corrected_query, corrected_release
from sandbox.fuzz.report import AnswerMismatch, Report

TIMEOUT_S = 30.0
PAY = "POST /payments"
STORED = {200, 202}  # 200: settled too, for a client that waits for it
FOUND = 200
TEXT_CHARACTERS_MAX = 4_000  # of a mismatch's text

# What the balancer answers itself is not up to the routes: nginx does not allow TRACE.
_METHODS = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"]
_REFUSED = ["400", "403", "404", "405", "409", "413", "414", "417", "431"]
_CONFIG = {
    "checks": {"negative_data_rejection": {"expected-statuses": _REFUSED}},
    "phases": {"coverage": {"unexpected-methods": _METHODS}},
}


class FuzzRun:
    """Fuzzes ``base_url``; ``examples`` is how many requests are generated per operation and kind, valid or invalid."""

    def __init__(self, base_url: str, *, examples: int, seed: int) -> None:
        self._base_url = base_url
        self._examples = examples
        self._seed = seed
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(api_key.headers())
        self.report = Report()

    def carry_out(self) -> Report:
        """Send all requests, look up what was accepted, and return the report.

        Raises:
            requests.RequestException: the description cannot be read.
        """
        with self._session:
            for operation in self._operations():
                for case in _boundaries(operation):
                    self._send_and_check(case)
                for mode in GenerationMode:
                    self._generate(operation, mode)
            self._look_up_accepted()
        return self.report

    def _operations(self) -> Iterator[APIOperation[Any, Any, Any, Any]]:
        config = Config.from_dict(_CONFIG)
        # Read here and not by schemathesis, which does not test the path that it reads the description from.
        answer = self._session.get(f"{self._base_url}/openapi.json", timeout=TIMEOUT_S)
        answer.raise_for_status()
        schema = schemathesis.openapi.from_dict(answer.json(), config=config)
        for result in schema.get_all_operations():
            if not isinstance(result, Ok):
                raise TypeError(f"the description is broken: {result.err()}")
            if not _is_event_stream(result.ok()):
                yield result.ok()

    def _generate(self, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> None:
        settings = hypothesis.settings(
            max_examples=self._examples,
            phases=[Phase.generate],  # a mismatch is recorded and the run continues: nothing is left to shrink
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )

        def check(case: Case[Any]) -> None:
            self._send_and_check(case)

        test = settings(hypothesis.seed(self._seed)(hypothesis.given(operation.as_strategy(mode))(check)))
        with contextlib.suppress(Unsatisfiable):  # an operation without parameters has no invalid requests
            test()

    def _send_and_check(self, case: Case[Any]) -> None:
        if case.meta is not None and case.meta.generation.mode.is_positive:
            _correct(case)
        label = f"{case.method} {case.operation.path}"
        try:
            response = case.call(self._base_url, session=self._session, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            self.report.add(
                AnswerMismatch(label, f"no answer: {type(error).__name__}", f"{error}\n{case.as_curl_command()}")
            )
            return
        self.report.answers[label, response.status_code] += 1
        if response.status_code in STORED and label == PAY:
            self.report.accepted.add(response.json()["correlationId"])
        try:
            case.validate_response(response, transport_kwargs={"session": self._session, "timeout": TIMEOUT_S})
        except FailureGroup as group:
            for failure in group.exceptions:
                text = f"{failure}\n{case.as_curl_command()}"[:TEXT_CHARACTERS_MAX]
                self.report.add(AnswerMismatch(label, f"{failure.title} ({response.status_code})", text))

    def _look_up_accepted(self) -> None:
        for payment_id in sorted(self.report.accepted):
            answer = self._session.get(f"{self._base_url}/payments/{payment_id}", timeout=TIMEOUT_S)
            if answer.status_code != FOUND:
                self.report.lost.append(payment_id)


def _correct(case: Case[Any]) -> None:
    """Replace only what is wrong: schemathesis checks again what is set, and takes a missing body for a wrong one."""
    query, body = corrected_query(case.query), corrected_body(case.body)
    if case.operation.path == "/payments":
        query = corrected_list(query)
    if case.operation.path.endswith("/release"):
        body = corrected_release(body, str(case.path_parameters["id"]))
    if query != case.query:
        case.query = query
    if body is not case.body:
        case.body = body


def _is_event_stream(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    """Return whether its answer never ends."""
    return any(
        "text/event-stream" in answer.get("content", {}) for answer in operation.definition.raw["responses"].values()
    )


def _boundaries(operation: APIOperation[Any, Any, Any, Any]) -> Iterator[Case[Any]]:
    schema = operation.schema
    config = schema.config.generation_for(operation=operation, phase="coverage")
    yield from schema.iter_coverage_cases(operation, generation_modes=list(GenerationMode), generation_config=config)
