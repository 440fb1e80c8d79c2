-- What keeps a browser signed in to the pages of this server.
alter table credentials drop constraint credentials_kind_check;
alter table credentials
    add constraint credentials_kind_check check (kind in ('user', 'developer', 'mcp', 'app', 'refresh', 'browser'));
