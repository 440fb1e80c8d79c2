-- People with an account on this server.
create table users (
    uid           text primary key,
    name          text not null default '',
    password_hash text,                            -- argon2id, PHC string; null: no password sign-in
    time_zone     text,                            -- IANA name; null: UTC
    language      text,                            -- BCP 47; null: the content's language
    created_at    timestamptz not null default now()
);

-- Directory: e-mail address (lower case) to its user.
create table user_emails (
    email text primary key,
    uid   text not null references users (uid) on delete cascade
);
create index user_emails_uid on user_emails (uid);
