-- Programs that read and write the data of users who enabled them.
create table apps (
    uid         text not null references users (uid) on delete cascade, -- who owns it
    id          uuid not null,
    name        text not null,
    description text not null default '',
    actions     text[] not null default '{}',      -- what it may do for a user
    private     boolean not null default false,    -- only its owner can see and enable it
    created_at  timestamptz not null,
    primary key (uid, id)
);

-- Directory: an app to its owner.
create table app_owners (
    app_id uuid primary key,
    uid    text not null,
    foreign key (uid, app_id) references apps (uid, id) on delete cascade
);
create index app_owners_owner on app_owners (uid, app_id);
