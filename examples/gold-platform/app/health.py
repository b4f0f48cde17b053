"""Whether the service can do its work, and whether its process lives. The two are different questions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable

from fastapi import APIRouter, Request, Response

from app.cache import CacheAway
from app.database import DatabaseAway

log = logging.getLogger("app.health")
router = APIRouter(prefix="/health", tags=["health"])

DATABASE_WITHIN = 1.5


@router.get("")
async def health(request: Request, response: Response) -> dict:
    """Asks Postgres and Redis now. Without Postgres nothing works (503); without Redis it is slower (200, degraded)."""
    state = request.app.state
    database, cache = await asyncio.gather(
        _look(state.database.check(DATABASE_WITHIN)),
        _look(state.cache.check()),
    )
    if database["status"] != "up":
        status, response.status_code = "down", 503
    else:
        status = "ok" if cache["status"] == "up" else "degraded"
    if status != getattr(state, "last_health", "ok"):
        level = logging.INFO if status == "ok" else logging.WARNING
        log.log(level, "health is %s", status, extra={"database": database, "cache": cache})
    state.last_health = status
    response.headers["cache-control"] = "no-store"
    return {"status": status, "database": database, "cache": cache}


@router.get("/live")
async def live() -> dict:
    """Only that the process answers: restarting it would not bring Postgres back."""
    return {"status": "alive"}


async def _look(check: Awaitable[None]) -> dict:
    start = time.perf_counter()
    try:
        await check
    except (DatabaseAway, CacheAway) as away:
        return {"status": "down", "error": str(away)}
    return {"status": "up", "ms": round((time.perf_counter() - start) * 1000, 1)}
