create table enabled_apps (
    uid        text not null references users (uid) on delete cascade,
    app_id     uuid not null,                      -- may outlive the app
    enabled_at timestamptz not null,
    primary key (uid, app_id)
);
