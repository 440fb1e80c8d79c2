-- Keys of apps, and refresh tokens; what one sign-in gave shares a session.
alter table credentials drop constraint credentials_kind_check;
alter table credentials
    add constraint credentials_kind_check check (kind in ('user', 'developer', 'mcp', 'app', 'refresh')),
    add column app_id     uuid,                    -- of a key of an app: which
    add column session_id uuid,                    -- of a sign-in: which
    add column used_at    timestamptz;             -- of a refresh token: when it was exchanged
create index credentials_in_order on credentials (uid, kind, created_at desc, id desc);
create index credentials_by_session on credentials (uid, session_id) where session_id is not null;
