-- What users come with, as their apps say it.
create table user_platforms (
    uid           text not null references users (uid) on delete cascade,
    platform      text not null,
    first_used_at timestamptz not null,
    last_used_at  timestamptz not null,     -- exact to ten minutes
    primary key (uid, platform)
);
