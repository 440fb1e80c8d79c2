create table action_items (
    uid               text not null references users (uid) on delete cascade,
    id                uuid not null,
    description       text not null,
    completed         boolean not null default false,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    due_at            timestamptz,
    completed_at      timestamptz,
    conversation_id   uuid,                        -- may outlive the conversation
    sort_order        integer not null default 0,
    indent_level      integer not null default 0,
    exported          boolean not null default false,
    export_date       timestamptz,
    export_platform   text,
    apple_reminder_id text,
    primary key (uid, id)
);
create index action_items_newest on action_items (uid, created_at desc, id);
create index action_items_by_conversation on action_items (uid, conversation_id);
create index action_items_due on action_items (uid, due_at desc) where due_at is not null;
