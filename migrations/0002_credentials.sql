-- Access tokens and keys. The secret itself is never stored, only its SHA-256.
create table credentials (
    uid          text not null references users (uid) on delete cascade,
    id           uuid not null,
    kind         text not null check (kind in ('user', 'developer', 'mcp')),
    name         text not null,
    prefix       text not null,                    -- what lists show
    scopes       text[],                           -- null: the kind has no scopes
    created_at   timestamptz not null default now(),
    expires_at   timestamptz,
    last_used_at timestamptz,                      -- exact to a minute
    primary key (uid, id)
);

-- Directory: hash of a secret to its credential.
create table credential_hashes (
    hash bytea primary key,
    uid  text not null,
    id   uuid not null,
    foreign key (uid, id) references credentials (uid, id) on delete cascade
);
create index credential_hashes_owner on credential_hashes (uid, id);
