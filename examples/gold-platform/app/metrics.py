"""What `/metrics` shows, in Prometheus' text format.

With several workers a scrape reaches one of them. `PROMETHEUS_MULTIPROC_DIR`, which the production image sets, makes
each worker keep its numbers in files there, and whichever is asked adds them up.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

DIRECTORY = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
if DIRECTORY:
    try:
        Path(DIRECTORY).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # prometheus_client reads the variable when it is imported, hence before the import below.
        del os.environ["PROMETHEUS_MULTIPROC_DIR"]
        DIRECTORY = None
        logging.getLogger("app.metrics").warning("metrics of one worker only", extra={"error": str(error)})

from prometheus_client import (  # noqa: E402
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

CONTENT_TYPE = CONTENT_TYPE_LATEST
disable_created_metrics()  # a second series beside every count, which nobody reads here

REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
DURATION = Histogram("http_request_duration_seconds", "Time until a request was answered.", ["method", "route"])
IN_PROGRESS = Gauge("http_requests_in_progress", "Requests being answered.", multiprocess_mode="livesum")
CACHE_LOOKUPS = Counter("cache_lookups_total", "Reads of the cache, by result.", ["result"])
POOL_CONNECTIONS = Gauge(
    "database_pool_connections", "Connections to Postgres, by state.", ["state"], multiprocess_mode="livesum"
)
POOL_LIMIT = Gauge(
    "database_pool_limit", "Connections to Postgres that the pool may open.", multiprocess_mode="livesum"
)


def render() -> bytes:
    if not DIRECTORY:
        return generate_latest(REGISTRY)
    _forget_the_dead(Path(DIRECTORY))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=DIRECTORY)
    return generate_latest(registry)


def _forget_the_dead(directory: Path) -> None:
    """Removes the gauges of workers that were killed; counters stay, because counts do not go back."""
    for file in directory.glob("gauge_live*.db"):
        worker = re.search(r"_(\d+)\.db$", file.name)
        if worker and not Path("/proc", worker[1]).exists():
            file.unlink(missing_ok=True)
