-- A look back at a user's day, and when it is wanted.
create table daily_summary_settings (
    uid           text primary key references users (uid) on delete cascade,
    enabled       boolean not null default true,
    hour          integer not null default 22 check (hour between 0 and 23), -- of the user's zone
    changed_at    timestamptz not null,            -- hours before this are past
    scheduled_for date                             -- the newest day that a job was made for
);
create table daily_summaries (
    uid           text not null references users (uid) on delete cascade,
    id            uuid not null,
    date          date not null,                   -- of the user's zone
    scheduled     boolean not null,                -- false: the user asked for it
    understood_by text not null,                   -- 'rules', or the name of the language model
    content       jsonb not null,                  -- see features/daily_summaries; the conversations may be gone
    created_at    timestamptz not null,
    primary key (uid, id)
);
create index daily_summaries_newest on daily_summaries (uid, date desc, created_at desc, id desc);
create unique index daily_summaries_scheduled on daily_summaries (uid, date) where scheduled;
