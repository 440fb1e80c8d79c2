-- Action items that a user offers to others, and those that came from such an offer or wait for another task app.
alter table action_items
    add column sync_requested boolean not null default false, -- waits to be sent to Apple Reminders, by the phone
    add column shared_from    jsonb;               -- token, sender and original, of what another user shared
create index action_items_to_sync on action_items (uid, created_at desc, id) where sync_requested and not exported;
create index action_items_exported on action_items (uid, updated_at desc, id) where exported;

create table action_item_shares (
    uid         text not null references users (uid) on delete cascade,
    token       text not null,                     -- 32 hex digits
    sender_name text not null,
    item_ids    uuid[] not null,                   -- in order; they may be gone
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    primary key (uid, token)
);
-- Directory: token to who shares.
create table action_item_share_tokens (
    token text primary key,
    uid   text not null,
    foreign key (uid, token) references action_item_shares (uid, token) on delete cascade
);
create index action_item_share_tokens_owner on action_item_share_tokens (uid, token);
-- Who has taken what was shared.
create table accepted_action_item_shares (
    uid         text not null references users (uid) on delete cascade, -- who took it
    token       text not null,                     -- the share may be gone
    accepted_at timestamptz not null,
    primary key (uid, token)
);
