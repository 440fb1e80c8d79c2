-- A recording of the user's own voice, one a user: a file in the data directory of the server that took it.
create table speech_profiles (
    uid         text primary key references users (uid) on delete cascade,
    id          uuid not null,        -- the name of its file
    samples     integer not null,     -- 16 kHz mono, without the silence
    recorded_at timestamptz not null,
    link_key    text not null         -- links to it are made with this; another recording has another
);
