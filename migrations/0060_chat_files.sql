-- Files that a user attaches to questions. Their bytes lie in the data directory: a row is there before its file and until
-- after it.
create table chat_files (
    uid         text not null references users (uid) on delete cascade,
    id          uuid not null,
    state       text not null check (state in ('coming', 'there', 'gone')),
    name        text not null,
    mime_type   text not null,
    kind        text not null check (kind in ('picture', 'text', 'other')),
    bytes       bigint not null,
    token       text not null,                     -- 32 hex digits: whoever knows it sees the small picture
    description text,                              -- what a model saw on a picture
    message_id  uuid,                              -- the message that it came with; null: none yet
    position    integer,                           -- among the files of that message, from 0
    created_at  timestamptz not null,
    primary key (uid, id)
);
create index chat_files_of_message on chat_files (uid, message_id, position);
-- Directory: token to whose picture it shows.
create table chat_file_tokens (
    token   text primary key,
    uid     text not null,
    file_id uuid not null,
    foreign key (uid, file_id) references chat_files (uid, id) on delete cascade
);
create index chat_file_tokens_owner on chat_file_tokens (uid, file_id);
