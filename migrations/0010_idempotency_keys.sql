-- Creates that named an Idempotency-Key, kept for 24 hours.
create table idempotency_keys (
    uid        text not null references users (uid) on delete cascade,
    route      text not null,                      -- method and path
    key        text not null,
    request    bytea not null,                     -- SHA-256 of query and body
    seed       uuid not null,                      -- ids of what it creates follow from it
    claimed_at timestamptz not null,               -- when its run began
    status     smallint,                           -- null: it is still running, or its run was cut off
    answer     bytea,
    primary key (uid, route, key)
);
