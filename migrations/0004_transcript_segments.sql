create table transcript_segments (
    uid                      text not null,
    conversation_id          uuid not null,
    id                       uuid not null,
    text                     text not null,
    speaker                  text not null,        -- SPEAKER_<n>
    speaker_id               integer not null,
    is_user                  boolean not null,
    person_id                text,
    start_seconds            double precision not null, -- from the conversation's started_at
    end_seconds              double precision not null,
    translations             jsonb not null default '[]',
    speech_profile_processed boolean not null default true,
    stt_provider             text,
    primary key (uid, conversation_id, id),
    foreign key (uid, conversation_id) references conversations (uid, id) on delete cascade
);
create index transcript_segments_in_order on transcript_segments (uid, conversation_id, start_seconds, id);
