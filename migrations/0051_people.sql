-- People that a user knows; transcript_segments.person_id names one, and may outlive them.
create table people (
    uid        text not null references users (uid) on delete cascade,
    id         uuid not null,
    name       text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (uid, id)
);
create index people_by_name on people (uid, name, created_at, id);
