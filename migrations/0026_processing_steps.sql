-- What is done with a conversation that has ended, step by step; who did it and how it went.
alter table conversations add column processing_run integer not null default 0; -- how often it was understood
create table processing_steps (
    uid             text not null,
    conversation_id uuid not null,
    step            text not null check (step in ('structure', 'find_action_items', 'find_conversation_memories', 'choose_folder', 'track_goals')),
    run             integer not null,              -- the conversation's processing_run that it belongs to
    state           text not null check (state in ('waiting', 'done', 'skipped', 'failed')),
    understood_by   text,                          -- 'rules', or the name of the language model
    attempts        integer not null default 0,
    error           text,                          -- why the last attempt failed
    updated_at      timestamptz not null,
    primary key (uid, conversation_id, step),
    foreign key (uid, conversation_id) references conversations (uid, id) on delete cascade
);
-- For the sweeper, which looks for steps whose job was lost.
create index processing_steps_waiting on processing_steps (uid, updated_at) where state = 'waiting';
