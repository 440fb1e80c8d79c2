-- How a user liked the summary of a conversation.
create table summary_ratings (
    uid             text not null,
    conversation_id uuid not null,
    value           smallint not null check (value between -1 and 1), -- -1: only seen
    rated_at        timestamptz not null,
    primary key (uid, conversation_id),
    foreign key (uid, conversation_id) references conversations (uid, id) on delete cascade
);
