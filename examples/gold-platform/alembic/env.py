"""Runs the migrations against DATABASE_URL, through the same driver that the service uses."""

import asyncio
import json
import logging.config
import os
import signal
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from alembic import context
from app.settings import database_url
from app.store import METADATA

# Any number, the same in every copy of this job, and used for nothing else in this database.
ONE_AT_A_TIME = 7_041_879_655


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True)
    with context.begin_transaction():
        # Two copies of the job may start at once; the second waits here and then finds nothing to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        context.run_migrations()


async def online() -> None:
    engine = create_async_engine(database_url(os.environ), poolclass=NullPool, connect_args={"timeout": 10})
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


def offline() -> None:
    context.configure(dialect_name="postgresql", target_metadata=METADATA, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


logging.config.dictConfig(json.loads(Path(__file__).parent.parent.joinpath("logging.json").read_text()))
# As the first process of a container it would otherwise ignore SIGTERM; this way it rolls back and ends.
signal.signal(signal.SIGTERM, signal.default_int_handler)

if context.is_offline_mode():
    offline()
else:
    asyncio.run(online())
