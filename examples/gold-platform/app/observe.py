"""Around every request: an id, a count, a duration and a line in the log."""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.logs import REQUEST_ID

log = logging.getLogger("app.access")
# Asked for every few seconds by machines; in the log they would bury what people ask. A change of health has its own line.
_QUIET = frozenset({"/health", "/health/live", "/metrics"})
_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Observe:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SOUND_ID.fullmatch(given) else uuid.uuid4().hex
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        token = REQUEST_ID.set(request_id)
        metrics.IN_PROGRESS.inc()
        start = time.perf_counter()
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - start
            metrics.IN_PROGRESS.dec()
            # The route's pattern, never the path: that would be a new time series for every day asked for.
            route = getattr(scope.get("route"), "path", "unmatched")
            metrics.REQUESTS.labels(scope["method"], route, str(status)).inc()
            metrics.DURATION.labels(scope["method"], route).observe(seconds)
            log.log(
                logging.DEBUG if scope["path"] in _QUIET else logging.INFO,
                "%s %s %d",
                scope["method"],
                scope["path"],
                status,
                extra={
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "ms": round(seconds * 1000, 1),
                    "client": scope["client"][0] if scope.get("client") else None,
                },
            )
            REQUEST_ID.reset(token)
