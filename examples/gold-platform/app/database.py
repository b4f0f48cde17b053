"""The connection pool. Every use of the database goes through `Database.begin`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app import metrics
from app.settings import Settings


class DatabaseAway(Exception):
    """Postgres cannot be used now; the message names the kind of failure and nothing secret."""


class Database:
    def __init__(self, settings: Settings) -> None:
        self._engine = create_async_engine(
            settings.database_url,
            pool_size=settings.database_pool_size,
            max_overflow=settings.database_max_overflow,
            pool_timeout=2,
            # A restarted Postgres leaves dead connections in the pool; asking first replaces them unseen.
            pool_pre_ping=True,
            connect_args={
                "timeout": 2,
                "command_timeout": 5,
                # The driver's look at the type catalogue is a query that jit makes much slower.
                "server_settings": {"application_name": "gold-platform", "jit": "off"},
            },
        )
        self._ending: set[asyncio.Task[None]] = set()
        metrics.POOL_LIMIT.set(settings.database_pool_size + settings.database_max_overflow)
        self._count()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A connection inside a transaction, committed at the end.

        Raises `DatabaseAway` when there is no connection to be had, or it is lost on the way.
        """
        connection = self._engine.connect()
        try:
            await connection.start()
        except Exception as error:
            raise DatabaseAway(type(error).__name__) from error
        try:
            self._count()
            async with connection.begin():
                yield connection
        except DBAPIError as error:
            if error.connection_invalidated:
                raise DatabaseAway(type(error).__name__) from error
            raise
        except OSError as error:  # a command's timeout among them
            raise DatabaseAway(type(error).__name__) from error
        finally:
            # Shielded: a caller that gives up must not leave its connection outside the pool.
            await asyncio.shield(connection.close())
            self._count()

    async def check(self, within: float) -> None:
        """Returns if Postgres answers a query within so many seconds, raises `DatabaseAway` if not."""
        asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({asking}, timeout=within)
        if done:
            return asking.result()
        # Cancelled but not awaited: the driver first tries to part politely from a server that does not answer, and
        # takes two seconds for that.
        asking.cancel()
        self._ending.add(asking)
        asking.add_done_callback(self._ended)
        raise DatabaseAway("TimeoutError")

    async def _ask(self) -> None:
        async with self.begin() as connection:
            await connection.execute(text("SELECT 1"))

    def _ended(self, asking: asyncio.Task[None]) -> None:
        self._ending.discard(asking)
        if not asking.cancelled():
            asking.exception()  # looked at, or asyncio complains that nobody did

    async def close(self) -> None:
        await self._engine.dispose()

    def _count(self) -> None:
        pool = self._engine.pool
        metrics.POOL_CONNECTIONS.labels("in_use").set(pool.checkedout())
        metrics.POOL_CONNECTIONS.labels("idle").set(pool.checkedin())
