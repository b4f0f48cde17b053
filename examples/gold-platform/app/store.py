"""Gold prices in Postgres. Functions take a connection inside a transaction."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import (
    CHAR,
    Column,
    Date,
    DateTime,
    MetaData,
    Numeric,
    RowMapping,
    String,
    Table,
    delete,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

METADATA = MetaData()

PRICES = Table(
    "gold_prices",
    METADATA,
    Column("currency", CHAR(3), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("price", Numeric(14, 4), nullable=False),
    Column("source", String(64), nullable=False, server_default="manual"),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


async def find(connection: AsyncConnection, currency: str, day: date) -> RowMapping | None:
    query = select(PRICES).where(PRICES.c.currency == currency, PRICES.c.day == day)
    return (await connection.execute(query)).mappings().one_or_none()


async def between(connection: AsyncConnection, currency: str, first: date, last: date) -> list[RowMapping]:
    """By day, both ends included."""
    query = (
        select(PRICES)
        .where(PRICES.c.currency == currency, PRICES.c.day.between(first, last))
        .order_by(PRICES.c.day)
    )
    return list((await connection.execute(query)).mappings())


async def add(
    connection: AsyncConnection, currency: str, day: date, price: Decimal, source: str
) -> RowMapping | None:
    """The new row, or None where the day already has a price."""
    statement = (
        insert(PRICES)
        .values(currency=currency, day=day, price=price, source=source)
        .on_conflict_do_nothing()
        .returning(*PRICES.c)
    )
    return (await connection.execute(statement)).mappings().one_or_none()


async def put(
    connection: AsyncConnection, currency: str, day: date, price: Decimal, source: str
) -> tuple[RowMapping, bool]:
    """The row as it is now, and whether it is new."""
    values = insert(PRICES).values(currency=currency, day=day, price=price, source=source)
    statement = values.on_conflict_do_update(
        index_elements=[PRICES.c.currency, PRICES.c.day],
        set_={"price": values.excluded.price, "source": values.excluded.source, "updated_at": func.now()},
    ).returning(
        *PRICES.c,
        # Postgres leaves xmax at zero in a row that was inserted and not updated.
        literal_column("(xmax = 0)").label("is_new"),
    )
    row = (await connection.execute(statement)).mappings().one()
    return row, row["is_new"]


async def remove(connection: AsyncConnection, currency: str, day: date) -> bool:
    statement = delete(PRICES).where(PRICES.c.currency == currency, PRICES.c.day == day)
    return (await connection.execute(statement)).rowcount > 0
