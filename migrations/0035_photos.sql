-- Pictures that a device took during a conversation.
create table conversation_photos (
    uid             text not null,
    conversation_id uuid not null,
    id              uuid not null,
    image           bytea not null,               -- JPEG
    description     text,                         -- null until it was looked at
    discarded       boolean not null default false, -- nothing worth keeping is on it
    created_at      timestamptz not null,
    primary key (uid, conversation_id, id),
    foreign key (uid, conversation_id) references conversations (uid, id) on delete cascade
);
alter table conversation_photos alter column image set storage external; -- a JPEG does not get smaller
