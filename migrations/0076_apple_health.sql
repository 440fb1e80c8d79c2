-- What the user's phone told of their health, as it told it last.
create table apple_health (
    uid       text primary key references users (uid) on delete cascade,
    data      jsonb not null,
    synced_at timestamptz not null
);
