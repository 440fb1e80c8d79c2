-- What instances have taken of a limit in one window of time. They take a lease and count it down in memory.
create table rate_windows (
    uid          text not null references users (uid) on delete cascade,
    bucket       text not null,                    -- 'day', 'minute <credential>', 'hour <policy>'
    window_start timestamptz not null,
    taken        bigint not null,                  -- by leases, used or not; never more than the limit
    primary key (uid, bucket, window_start)
);
