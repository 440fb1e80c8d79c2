-- One talk with an app, or with none. Clearing it ends it.
create table chat_sessions (
    uid        text not null references users (uid) on delete cascade,
    id         uuid not null,
    app_id     text not null,                      -- empty: of no app
    created_at timestamptz not null,
    primary key (uid, id)
);
create index chat_sessions_by_app on chat_sessions (uid, app_id, created_at desc, id desc);
