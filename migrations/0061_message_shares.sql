-- Messages of a chat that a user shows to others.
create table message_shares (
    uid         text not null references users (uid) on delete cascade,
    token       text not null,                     -- 32 hex digits
    sender_name text not null,
    message_ids uuid[] not null,                   -- in order; they may be gone
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    primary key (uid, token)
);
-- Directory: token to who shares.
create table message_share_tokens (
    token text primary key,
    uid   text not null,
    foreign key (uid, token) references message_shares (uid, token) on delete cascade
);
create index message_share_tokens_owner on message_share_tokens (uid, token);
