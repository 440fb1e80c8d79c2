-- Programs that have introduced themselves, so that they may ask users for access. Of no user: the same on every shard.
create table connector_clients (
    id            uuid primary key,
    name          text not null,
    redirect_uris text[] not null,                 -- where they may be answered
    secret_hash   bytea,                           -- SHA-256; null: they have none
    created_at    timestamptz not null,
    expires_at    timestamptz not null             -- moves on while some user lets them in
);
create index connector_clients_expires_at on connector_clients (expires_at);
