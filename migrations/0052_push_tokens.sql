-- Where notifications of a user go: a token a device.
create table push_tokens (
    uid        text not null references users (uid) on delete cascade,
    device     text not null,                      -- <platform>_<hash of the device>
    token      text not null,
    updated_at timestamptz not null,
    primary key (uid, device)
);
