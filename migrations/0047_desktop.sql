-- What the desktop app keeps: where the user's attention was, and what it advised.
create table focus_sessions (
    uid              text not null references users (uid) on delete cascade,
    id               uuid not null,
    status           text not null check (status in ('focused', 'distracted')),
    app_or_site      text not null,
    description      text not null,
    message          text,
    duration_seconds integer,
    created_at       timestamptz not null,
    primary key (uid, id)
);
create index focus_sessions_newest on focus_sessions (uid, created_at desc, id desc);
create table advice (
    uid              text not null references users (uid) on delete cascade,
    id               uuid not null,
    content          text not null,
    category         text not null,
    reasoning        text,
    source_app       text,
    confidence       double precision not null,    -- 0 to 1
    context_summary  text,
    current_activity text,
    is_read          boolean not null default false,
    is_dismissed     boolean not null default false,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    primary key (uid, id)
);
create index advice_newest on advice (uid, created_at desc, id desc);
