create table goals (
    uid           text not null references users (uid) on delete cascade,
    id            text not null,                   -- goal_ and 12 hex digits
    title         text not null,
    goal_type     text not null check (goal_type in ('boolean', 'scale', 'numeric')),
    target_value  double precision not null,
    current_value double precision not null,
    min_value     double precision not null,
    max_value     double precision not null,
    unit          text,
    is_active     boolean not null default true,
    ended_at      timestamptz,                     -- when newer ones took its place among the active
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    primary key (uid, id)
);
create index goals_by_age on goals (uid, created_at, id);
create index goals_active on goals (uid, created_at, id) where is_active;
