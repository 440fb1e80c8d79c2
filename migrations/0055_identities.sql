-- People whom an outside identity provider vouches for.
alter table users add column outside_email text; -- as that provider says it: for show, opens no account

-- Directory: hash of a code to the user who signed in with a browser and the address that waits for it.
create table sign_in_codes (
    hash         bytea primary key,
    uid          text not null references users (uid) on delete cascade,
    redirect_uri text not null,
    expires_at   timestamptz not null
);
create index sign_in_codes_uid on sign_in_codes (uid);
create index sign_in_codes_expires_at on sign_in_codes (expires_at);
