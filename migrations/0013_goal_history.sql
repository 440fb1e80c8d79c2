-- The last value that was reported on a day.
create table goal_history (
    uid         text not null,
    goal_id     text not null,
    date        date not null,                     -- UTC
    value       double precision not null,
    recorded_at timestamptz not null,
    primary key (uid, goal_id, date),
    foreign key (uid, goal_id) references goals (uid, id) on delete cascade
);
