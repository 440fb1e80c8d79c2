-- Addresses that a user wants to be told at.
create table developer_webhooks (
    uid     text not null references users (uid) on delete cascade,
    kind    text not null,
    url     text not null default '',
    enabled boolean,                               -- null: never switched; then as whether there is a url
    primary key (uid, kind)
);
