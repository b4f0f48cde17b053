create table messages (
    id bigint generated always as identity primary key,
    sender text not null,
    recipient text not null,
    -- Only the recipient can open it.
    sealed bytea not null,
    sent timestamptz not null default now()
);
