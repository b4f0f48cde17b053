create table people (
    name text primary key,
    salt bytea not null,
    -- PBKDF2 of the password
    hash bytea not null,
    joined timestamptz not null default now()
);
