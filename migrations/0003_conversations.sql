create table conversations (
    uid                        text not null references users (uid) on delete cascade,
    id                         uuid not null,
    status                     text not null check (status in ('in_progress', 'processing', 'merging', 'completed', 'failed')),
    source                     text not null,
    language                   text,
    created_at                 timestamptz not null,
    started_at                 timestamptz not null,
    finished_at                timestamptz not null, -- in progress: when the newest segment came
    timeout_seconds            integer not null default 120, -- silence that ends it
    title                      text not null default '',
    overview                   text not null default '',
    emoji                      text not null default '🧠',
    category                   text not null default 'other',
    events                     jsonb not null default '[]',
    understood_by              text,               -- 'rules', or the name of the language model
    keep                       boolean not null default false, -- the discard rule does not apply
    discarded                  boolean not null default false,
    visibility                 text not null default 'private' check (visibility in ('private', 'shared', 'public')),
    starred                    boolean not null default false,
    folder_id                  text,
    app_id                     text,
    call_id                    text,
    geolocation                jsonb,
    external_data              jsonb,
    private_cloud_sync_enabled boolean not null default false,
    processing_attempts        integer not null default 0,
    processing_error           text,               -- why the last attempt failed
    updated_at                 timestamptz not null default now(),
    primary key (uid, id)
);
create index conversations_newest on conversations (uid, created_at desc, id desc);
create index conversations_by_status on conversations (uid, status, created_at desc);
-- For the sweeper, which looks at open conversations only.
create index conversations_open on conversations (uid, finished_at) where status = 'in_progress';
create index conversations_processing on conversations (uid, updated_at) where status = 'processing';
