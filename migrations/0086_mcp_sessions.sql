-- Sessions that MCP clients began, so that any instance goes on with them.
create table mcp_sessions (
    uid      text not null references users (uid) on delete cascade,
    id       uuid not null,
    client   text not null,              -- JSON: what the client told of itself, the params of its initialize
    begun_at timestamptz not null,
    seen_at  timestamptz not null,       -- exact to ten minutes
    primary key (uid, id)
);

-- Directory: a session to the user whose it is.
create table mcp_session_owners (
    id  uuid primary key,
    uid text not null,
    foreign key (uid, id) references mcp_sessions (uid, id) on delete cascade
);
create index mcp_session_owners_owner on mcp_session_owners (uid, id);
