-- Recordings that a phone made without a server and brings later. The sound waits in the data directory of the server
-- that took it, in a folder with the id of its job.
create table sync_jobs (
    uid             text not null references users (uid) on delete cascade,
    id              uuid not null,
    conversation_id uuid,                          -- where its words are to go, if that is there
    source          text not null,
    language        text,                          -- null: is found out
    created_at      timestamptz not null default now(),
    begun_at        timestamptz,
    ended_at        timestamptz,                   -- forgotten an hour later
    primary key (uid, id)
);
-- A stretch of speech without a long pause, which may go over several files.
create table sync_segments (
    uid             text not null,
    job_id          uuid not null,
    number          integer not null,              -- from 0, in order of time
    utterances      jsonb not null,                -- [{"file": number, "from": sample, "to": sample, "at": instant}]
    state           text not null default 'waiting' check (state in ('waiting', 'done', 'failed')),
    tried_at        integer not null default 0,    -- the utterance at which it last began
    attempts        integer not null default 0,    -- how often it began there
    conversation_id uuid,                          -- where its words went
    outcome         text not null default '' check (outcome in ('', 'nothing', 'updated', 'created')),
    error           text,
    primary key (uid, job_id, number),
    foreign key (uid, job_id) references sync_jobs (uid, id) on delete cascade
);
