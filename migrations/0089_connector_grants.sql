-- What a user allows a client. Its id is the session of the tokens that it gave.
create table connector_grants (
    uid          text not null references users (uid) on delete cascade,
    id           uuid not null,
    client_id    uuid not null,
    name         text not null,                    -- of the client, as the user saw it
    redirect_uri text not null,
    scopes       text[] not null,
    created_at   timestamptz not null,
    primary key (uid, id),
    unique (uid, client_id)
);

-- Directory: hash of a code to the user who gave it, and to all that it is bound to.
create table connector_codes (
    hash         bytea primary key,
    uid          text not null references users (uid) on delete cascade,
    client_id    uuid not null,
    redirect_uri text not null,
    challenge    text not null,                    -- base64url of the SHA-256 of the client's verifier
    scopes       text[] not null,
    expires_at   timestamptz not null,
    used_at      timestamptz,                      -- it stays for a while: one that comes twice ends what it gave
    grant_id     uuid                              -- what it gave
);
create index connector_codes_uid on connector_codes (uid);
create index connector_codes_expires_at on connector_codes (expires_at);
