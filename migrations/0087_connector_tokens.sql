-- Tokens of AI assistants that a user has let in; what one permission gave shares a session.
alter table credentials drop constraint credentials_kind_check;
alter table credentials
    add constraint credentials_kind_check check (kind in (
        'user', 'developer', 'mcp', 'app', 'refresh', 'browser', 'connector', 'connector_refresh'));
