create table memories (
    uid             text not null references users (uid) on delete cascade,
    id              uuid not null,                 -- from the content, see features/memories
    content         text not null,
    category        text not null,
    visibility      text not null check (visibility in ('private', 'public')),
    tags            text[] not null default '{}',
    headline        text,
    conversation_id uuid,                          -- may outlive the conversation
    app_id          text,
    manually_added  boolean not null,
    reviewed        boolean not null,
    user_review     boolean,                       -- false: rejected, hidden from every list
    edited          boolean not null default false,
    scoring         text not null,                 -- MM_CCC_EEEEEEEEEE, the list order
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (uid, id)
);
create index memories_in_order on memories (uid, scoring desc, created_at desc, id);
create index memories_by_conversation on memories (uid, conversation_id);
