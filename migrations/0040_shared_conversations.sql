-- Directory: a conversation that its owner shows to everyone, to its owner.
create table shared_conversations (
    conversation_id uuid primary key,
    uid             text not null,
    foreign key (uid, conversation_id) references conversations (uid, id) on delete cascade
);
create index shared_conversations_owner on shared_conversations (uid, conversation_id);
insert into shared_conversations (conversation_id, uid)
select id, uid from conversations where visibility <> 'private' on conflict do nothing;
