-- Sessions that a user opens beside the thread of an app, as the desktop app does. Their messages are apart from the thread.
alter table chat_sessions
    add column title      text not null default 'New Chat',
    add column starred    boolean not null default false,
    add column opened     boolean not null default false,  -- by the user; else it is that of its thread
    add column updated_at timestamptz;
update chat_sessions set updated_at = created_at;
alter table chat_sessions alter column updated_at set not null;

alter table messages
    add column apart    boolean not null default false,    -- in an opened session
    add column metadata text;                              -- of the client that kept it
drop index messages_newest;
create index messages_newest on messages (uid, app_id, created_at desc, id desc) where not apart;
create index messages_of_session on messages (uid, chat_session_id, created_at desc, id desc);
