-- Chat: what a user asked and was answered.
create table messages (
    uid                       text not null references users (uid) on delete cascade,
    id                        uuid not null,
    app_id                    text not null,       -- the thread; empty: of no app
    chat_session_id           uuid,
    sender                    text not null check (sender in ('human', 'ai')),
    type                      text not null check (type in ('text', 'day_summary')),
    text                      text not null,
    memories_id               uuid[] not null,     -- conversations that it cites, which it may outlive
    from_external_integration boolean not null default false,
    reported                  boolean not null default false,
    report_reason             text,
    rating                    smallint check (rating in (-1, 1)),
    created_at                timestamptz not null,
    primary key (uid, id)
);
create index messages_newest on messages (uid, app_id, created_at desc, id desc);
