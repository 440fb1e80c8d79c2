-- What users have spent of a day's tokens of the language model, where a day has a limit.
create table language_tokens (
    uid    text not null references users (uid) on delete cascade,
    day    date not null,               -- of UTC
    tokens bigint not null,
    primary key (uid, day)
);
