"""The API: a price by currency and day, and a range of them with simple statistics."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app import store

LONGEST_RANGE_DAYS = 3660

Currency = Annotated[str, Path(pattern="^[A-Z]{3}$", description="ISO 4217, upper case")]
Amount = Annotated[Decimal, Field(gt=0, max_digits=14, decimal_places=4, description="per troy ounce")]
Source = Annotated[str, Field(min_length=1, max_length=64)]

router = APIRouter(prefix="/prices", tags=["prices"])


class NewPrice(BaseModel):
    price: Amount
    source: Source = "manual"


class NewDayPrice(NewPrice):
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    day: date


class StoredPrice(BaseModel):
    """A price as it is kept in the cache: without links, which depend on the address asked."""

    model_config = ConfigDict(from_attributes=True)

    currency: str
    day: date
    price: Decimal
    source: str
    updated_at: datetime


class Price(StoredPrice):
    links: dict[str, str]


class Statistics(BaseModel):
    count: int
    lowest: Decimal
    highest: Decimal
    mean: Decimal
    change_percent: Decimal


class PriceRange(BaseModel):
    currency: str
    first: date
    last: date
    statistics: Statistics | None
    prices: list[StoredPrice]


@router.post("", status_code=201)
async def add(new: NewDayPrice, request: Request, response: Response) -> Price:
    """Adds the price of a day that has none yet."""
    state = request.app.state
    async with state.database.begin() as connection:
        row = await store.add(connection, new.currency, new.day, new.price, new.source)
    if row is None:
        raise HTTPException(409, f"{new.currency} already has a price on {new.day}")
    await state.cache.drop(_key(new.currency, new.day))
    price = _with_links(StoredPrice.model_validate(dict(row)), request)
    response.headers["location"] = price.links["self"]
    return price


@router.put("/{currency}/{day}", responses={201: {"model": Price}})
async def put(currency: Currency, day: date, new: NewPrice, request: Request, response: Response) -> Price:
    """Sets the price of a day, whether it had one or not."""
    state = request.app.state
    async with state.database.begin() as connection:
        row, is_new = await store.put(connection, currency, day, new.price, new.source)
    # After the commit: before it, a reader could put the old price back.
    await state.cache.drop(_key(currency, day))
    response.status_code = 201 if is_new else 200
    return _with_links(StoredPrice.model_validate(dict(row)), request)


@router.get("/{currency}/{day}")
async def get(currency: Currency, day: date, request: Request, response: Response) -> Price:
    """One day's price; the header `x-cache` says hit, miss, or away when there is no cache."""
    state = request.app.state
    key = _key(currency, day)
    cached, response.headers["x-cache"] = await state.cache.get(key)
    if cached is not None:
        try:
            return _with_links(StoredPrice.model_validate_json(cached), request)
        except ValidationError:
            response.headers["x-cache"] = "miss"  # written by another version of the service
    async with state.database.begin() as connection:
        row = await store.find(connection, currency, day)
    if row is None:
        raise HTTPException(404, f"no price of {currency} on {day}", headers={"x-cache": response.headers["x-cache"]})
    price = StoredPrice.model_validate(dict(row))
    await state.cache.put(key, price.model_dump_json())
    return _with_links(price, request)


@router.get("/{currency}")
async def between(
    currency: Currency,
    request: Request,
    first: Annotated[date, Query(alias="from")],
    last: Annotated[date, Query(alias="to")],
) -> PriceRange:
    """The prices from one day to another, both included, with simple statistics."""
    if last < first:
        raise HTTPException(422, "`to` is before `from`")
    if (last - first).days > LONGEST_RANGE_DAYS:
        raise HTTPException(422, f"a range has at most {LONGEST_RANGE_DAYS} days")
    async with request.app.state.database.begin() as connection:
        rows = await store.between(connection, currency, first, last)
    return PriceRange(
        currency=currency,
        first=first,
        last=last,
        statistics=statistics([row["price"] for row in rows]) if rows else None,
        prices=[StoredPrice.model_validate(dict(row)) for row in rows],
    )


@router.delete("/{currency}/{day}", status_code=204)
async def remove(currency: Currency, day: date, request: Request) -> None:
    state = request.app.state
    async with state.database.begin() as connection:
        found = await store.remove(connection, currency, day)
    await state.cache.drop(_key(currency, day))
    if not found:
        raise HTTPException(404, f"no price of {currency} on {day}")


def statistics(prices: list[Decimal]) -> Statistics:
    """Of at least one price, oldest first. The change is from the first to the last."""
    return Statistics(
        count=len(prices),
        lowest=min(prices),
        highest=max(prices),
        mean=(sum(prices, Decimal()) / len(prices)).quantize(Decimal("0.0001")),
        change_percent=((prices[-1] / prices[0] - 1) * 100).quantize(Decimal("0.01")),
    )


def _key(currency: str, day: date) -> str:
    return f"gold:price:{currency}:{day.isoformat()}"


def _with_links(price: StoredPrice, request: Request) -> Price:
    base = request.app.state.settings.base or str(request.base_url).rstrip("/")
    return Price(
        **dict(price),
        links={
            "self": f"{base}/prices/{price.currency}/{price.day}",
            "year": f"{base}/prices/{price.currency}?from={price.day.year:04}-01-01&to={price.day.year:04}-12-31",
        },
    )
