-- People sign in with an identity at a provider: Google, Apple.

-- Directory: an identity, as the provider's ID tokens name it, to the user whose it is.
create table identities (
    issuer     text not null,
    subject    text not null,
    uid        text not null references users (uid) on delete cascade,
    provider   text not null check (provider in ('google', 'apple')),
    email      text,                     -- as the provider has verified it: for show, opens no account
    created_at timestamptz not null,
    primary key (issuer, subject),
    unique (uid, provider)
);

-- Directory: hash of the state that a browser brings back from a provider, to what it went there for.
create table provider_visits (
    hash         bytea primary key,
    browser      bytea not null,         -- hash of the browser's cookie
    provider     text not null,
    uid          text references users (uid) on delete cascade, -- whose account gets the identity; null: somebody signs in
    redirect_uri text,                   -- the address that waits for a code, null when an identity is linked
    app_state    text,
    challenge    text,
    expires_at   timestamptz not null
);
create index provider_visits_uid on provider_visits (uid);
create index provider_visits_expires_at on provider_visits (expires_at);

-- Directory: hash of the secret in an address that links an identity, to the user who asked for it.
create table link_tickets (
    hash       bytea primary key,
    uid        text not null references users (uid) on delete cascade,
    provider   text not null,
    expires_at timestamptz not null
);
create index link_tickets_uid on link_tickets (uid);
create index link_tickets_expires_at on link_tickets (expires_at);

alter table sign_in_codes
    add column provider  text not null default 'local', -- who has shown that it is the user
    add column challenge text;                          -- base64url of the SHA-256 that the app's verifier must have
