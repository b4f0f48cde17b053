create table keys (
    person text primary key,
    -- X25519
    public_key bytea not null check (length(public_key) = 32),
    changed timestamptz not null default now()
);
