"""A request as Sanic reads it, if it can be read in one way only; otherwise 400, and the connection closes."""

from typing import Any

from sanic import Request
from sanic.exceptions import BadRequest

from services.ingress.core.request_head import head_refused


class StrictRequest(Request):
    """Created by Sanic as soon as a head is there, and before it looks for the body."""

    def __init__(self, **parts: Any) -> None:
        # Without a head it is a placeholder, for the answer to something that Sanic itself could not read.
        if "head" in parts and (why := head_refused(parts["head"])) is not None:
            raise BadRequest(why)
        super().__init__(**parts)
        if self._parsed_url.path is None:  # "http://host" alone: Sanic would fail on it later
            raise BadRequest("the target must have a path")


class RequestTooSlowError(BadRequest):
    """It has begun to arrive, and did not arrive completely in time."""

    status_code = 408
