-- What tells a repeated request from a new one.
alter table conversations
    add column content_hash bytea,                 -- SHA-256 of the request that imported it, if nothing else names the request
    add column received_at  timestamptz not null default now();
create index conversations_by_content on conversations (uid, content_hash, received_at) where content_hash is not null;
