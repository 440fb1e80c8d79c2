-- Stored sound of conversations: a row a file of at most a minute, in the data directory of the server that heard it.
alter table users add column private_cloud_sync boolean not null default true; -- whether sound is kept
create table audio_chunks (
    uid             text not null references users (uid) on delete cascade,
    id              uuid not null,                 -- the name of its file
    conversation_id uuid,                          -- null: it is gone, or the time is over, and the file goes next
    started_at      timestamptz not null,
    samples         integer not null,              -- 16 kHz mono
    bytes           integer not null,              -- of the file
    primary key (uid, id),
    foreign key (uid, conversation_id) references conversations (uid, id) on delete set null (conversation_id)
);
create index audio_chunks_in_order on audio_chunks (uid, conversation_id, started_at);
create index audio_chunks_given_up on audio_chunks (uid) where conversation_id is null;

-- How a live session keeps its sound.
alter table listen_sessions
    add column kept_samples bigint not null default 0, -- everything before is stored, or is not to be
    add column switches     jsonb not null default '[]'; -- [{"from": sample, "id": conversation}]: which conversation it went to, from where on
update listen_sessions set switches = jsonb_build_array(jsonb_build_object('from', 0, 'id', conversation_id));
