"""Settings, from the environment. All that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


class SettingsError(Exception):
    """The environment does not say what the service needs to know."""


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: URL  # its repr hides the password
    database_pool_size: int
    database_max_overflow: int
    redis_url: str = field(repr=False)
    base: str | None  # public address without a trailing slash; None: as the request names it

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        problems: list[str] = []

        def attempt(read, *arguments):
            try:
                return read(*arguments)
            except SettingsError as problem:
                problems.append(str(problem))
                return None

        settings = cls(
            database_url=attempt(database_url, env),
            database_pool_size=attempt(_count, env, "DATABASE_POOL_SIZE", 5, 1),
            database_max_overflow=attempt(_count, env, "DATABASE_MAX_OVERFLOW", 5, 0),
            redis_url=attempt(_required, env, "REDIS_URL"),
            base=env.get("BASE", "").rstrip("/") or None,
        )
        if problems:
            raise SettingsError("; ".join(problems))
        return settings


def database_url(env: Mapping[str, str]) -> URL:
    """`DATABASE_URL` in the form that SQLAlchemy's asyncpg driver takes.

    The plain form, `postgres://user:password@host:port/name`, is what every other tool reads, so it is
    what the environment carries. `sslmode` is libpq's word for what asyncpg calls `ssl`.
    """
    plain = _required(env, "DATABASE_URL")
    try:
        url = make_url(plain)
    except (ArgumentError, ValueError):
        # Without the cause: its text repeats the URL, password included.
        raise SettingsError("DATABASE_URL is not a URL") from None
    if url.drivername not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise SettingsError(f"DATABASE_URL is for {url.drivername}, not for postgres")
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername="postgresql+asyncpg", query=query)


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _count(env: Mapping[str, str], name: str, default: int, least: int) -> int:
    value = env.get(name, "")
    if not value:
        return default
    if not value.isdecimal() or int(value) < least:
        raise SettingsError(f"{name} is {value!r}, not a whole number from {least} up")
    return int(value)
