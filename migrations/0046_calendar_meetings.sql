-- Entries of calendars that the desktop app reads.
create table calendar_meetings (
    uid               text not null references users (uid) on delete cascade,
    id                uuid not null,
    calendar_event_id text not null,               -- of the calendar
    calendar_source   text not null,
    title             text not null,
    start_time        timestamptz not null,
    end_time          timestamptz not null,
    platform          text,
    meeting_link      text,
    participants      jsonb not null,              -- list of {name, email}, each of which may be null
    notes             text,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    primary key (uid, id)
);
-- By hash: an id may be longer than an index row.
create unique index calendar_meetings_of_source
    on calendar_meetings (uid, md5(calendar_event_id), md5(calendar_source));
create index calendar_meetings_by_start on calendar_meetings (uid, start_time desc, id);
