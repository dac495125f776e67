"""What a request asks of its answer: to wait for a settlement (RFC 7240), and errors as problem details (RFC 9457).

Whatever is not known or cannot be read is ignored: a preference never makes a request wrong.
"""

import re
from collections.abc import Iterable, Iterator

# Below the 40 s that the balancer waits for an answer (nginx.conf), by more than a store and the last look-up take.
WAIT_S_MAX = 30
PROBLEM = "application/problem+json"

# Elements between commas and their parameters between semicolons, neither of which counts within quotes.
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_PART = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*"?)+')
_SECONDS = re.compile(r"0*([0-9]+)")
_DIGITS_MAX = 9  # more than it takes to exceed the maximum
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def wait_asked(lines: Iterable[str]) -> int | None:
    """Return how many seconds the Prefer headers ask to wait, at most WAIT_S_MAX; None: not at all.

    Only the first ``wait`` counts, as in the RFC, even if it cannot be read.
    """
    for preference, *_ in _elements(lines):
        name, _, value = preference.partition("=")
        if name.strip().lower() == "wait":
            seconds = _SECONDS.fullmatch(_unquoted(value))
            return min(int(seconds[1][:_DIGITS_MAX]), WAIT_S_MAX) or None if seconds else None
    return None


def problem_asked(lines: Iterable[str]) -> bool:
    """Return whether the Accept headers name problem details, and do not prefer plain JSON.

    A wildcard names nothing: what most programs send by themselves gets the usual errors.
    """
    qualities: dict[str, float] = {}
    for media, *parameters in _elements(lines):
        quality = _quality(parameters)
        if quality is not None:
            kind = media.strip().lower()
            qualities[kind] = max(quality, qualities.get(kind, 0))
    json = next((qualities[kind] for kind in ("application/json", "application/*", "*/*") if kind in qualities), 0)
    problem = qualities.get(PROBLEM, 0)
    return problem > 0 and problem >= json


def _elements(lines: Iterable[str]) -> Iterator[list[str]]:
    for line in lines:
        for element in _ELEMENT.findall(line):
            yield _PART.findall(element) or [""]


def _quality(parameters: Iterable[str]) -> float | None:
    """Return the ``q`` of a media type, 1 if there is none; None if it cannot be read."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return float(value) if _QUALITY.fullmatch(value := value.strip()) else None
    return 1.0


def _unquoted(value: str) -> str:
    value = value.strip()
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if is_quoted else value
