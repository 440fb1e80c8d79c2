-- What a user chose. No row: nothing yet.
create table preferences (
    uid                    text primary key references users (uid) on delete cascade,
    onboarding_completed   boolean not null default false,
    acquisition_source     text not null default '',
    ai_profile             jsonb,                  -- as the client wrote it
    single_language_mode   boolean not null default false, -- only the user's language is listened for
    vocabulary             text[] not null default '{}',
    store_recordings       boolean not null default false,
    summary_app            uuid,                   -- may outlive the app
    task_app               text,
    notifications_enabled  boolean not null default true,
    notification_frequency integer not null default 3 check (notification_frequency between 0 and 5),
    mentor_frequency       integer not null default 0 check (mentor_frequency between 0 and 5), -- 0: off
    assistant              jsonb not null default '{}' -- a section a key, as the client wrote them
);
-- Where a user was last, for half an hour.
create table last_locations (
    uid       text primary key references users (uid) on delete cascade,
    place     jsonb not null,
    stored_at timestamptz not null
);
