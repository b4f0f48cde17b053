"""The service, put together. Run it with `uvicorn app.main:app`."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from app import about, health, metrics, prices
from app.cache import Cache
from app.database import Database, DatabaseAway
from app.observe import Observe
from app.settings import Settings

log = logging.getLogger("app.main")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """From start to SIGTERM. uvicorn lets requests in progress finish before the second half runs.

    Neither Postgres nor Redis is asked here: a process that waits for them to start looks the same as a broken one.
    `/health` says how they are.
    """
    app.state.settings = Settings.from_env(os.environ)
    app.state.database = Database(app.state.settings)
    app.state.cache = Cache(app.state.settings.redis_url)
    log.info("started", extra={"base": app.state.settings.base})
    yield
    await app.state.cache.close()
    await app.state.database.close()
    log.info("stopped")


app = FastAPI(title=about.TITLE, lifespan=lifespan)
app.add_middleware(Observe)
app.include_router(prices.router)
app.include_router(health.router)


@app.exception_handler(DatabaseAway)
async def database_away(request: Request, away: DatabaseAway) -> JSONResponse:
    log.warning("database away", extra={"error": str(away), "cause": str(away.__cause__)})
    return JSONResponse({"detail": "the database cannot be reached"}, 503, {"retry-after": "1"})


@app.get("/")
async def root(request: Request) -> dict:
    base = app.state.settings.base or str(request.base_url).rstrip("/")
    return {"title": about.TITLE, "links": {"docs": f"{base}/docs", "health": f"{base}/health"}}


@app.get("/metrics", include_in_schema=False)
async def show_metrics() -> Response:
    return Response(metrics.render(), media_type=metrics.CONTENT_TYPE)
