"""Redis as a cache that may vanish at any time.

What it costs when it has: one attempt a second of at most `WITHIN` seconds. All other requests go past it at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app import metrics

WITHIN = 0.25
AGAIN_AFTER = 1.0
KEEP_FOR = 60  # also bounds how long a value can be stale that was changed while Redis could not be reached

log = logging.getLogger("app.cache")
T = TypeVar("T")


class CacheAway(Exception):
    """Redis cannot be used now; the message names the kind of failure and nothing secret."""


class Cache:
    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_connect_timeout=WITHIN,
            socket_timeout=WITHIN,
            retry=Retry(NoBackoff(), 0),
        )
        self._clock = clock
        self._reason: str | None = None  # why Redis is away; None while it is there
        self._ask_again_at = 0.0

    async def get(self, key: str) -> tuple[str | None, str]:
        """The value, if any, and what the `x-cache` header says: hit, miss or away."""
        try:
            value = await self._ask(lambda: self._redis.get(key))
            result = "miss" if value is None else "hit"
        except CacheAway:
            value, result = None, "away"
        metrics.CACHE_LOOKUPS.labels(result).inc()
        return value, result

    async def put(self, key: str, value: str) -> None:
        try:
            await self._ask(lambda: self._redis.set(key, value, ex=KEEP_FOR))
        except CacheAway:
            pass

    async def drop(self, key: str) -> None:
        try:
            await self._ask(lambda: self._redis.delete(key))
        except CacheAway:
            pass

    async def check(self) -> None:
        """Returns if Redis answers, raises `CacheAway` if not (or if it did not within the last second)."""
        await self._ask(self._redis.ping)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _ask(self, command: Callable[[], Awaitable[T]]) -> T:
        if self._reason is not None:
            if self._clock() < self._ask_again_at:
                raise CacheAway(self._reason)
            # Of many requests one tries, the others still go past.
            self._ask_again_at = self._clock() + AGAIN_AFTER
        try:
            async with asyncio.timeout(WITHIN):
                answer = await command()
        except (RedisError, OSError) as error:  # OSError: timeouts too
            if self._reason is None:
                log.warning("cache away", extra={"error": type(error).__name__})
            self._reason = type(error).__name__
            self._ask_again_at = self._clock() + AGAIN_AFTER
            raise CacheAway(self._reason) from error
        if self._reason is not None:
            log.info("cache back")
            self._reason = None
        return answer
