-- One live socket, or the audio one left behind. Its samples lie in the spool folder of the
-- instance that took them, under the same id.
create table listen_sessions (
    uid                text not null references users (uid) on delete cascade,
    id                 uuid not null,
    conversation_id    uuid not null,              -- where its next segments go
    recognised_samples bigint not null default 0,  -- 16 kHz; everything before is stored
    seen_at            timestamptz not null default now(), -- refreshed every 30 s
    primary key (uid, id)
);
create index listen_sessions_by_conversation on listen_sessions (uid, conversation_id);
