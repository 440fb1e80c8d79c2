-- Tasks that the desktop app proposes; the best go among the action items, one after the other.
create table staged_tasks (
    uid             text not null references users (uid) on delete cascade,
    id              uuid not null,
    description     text not null,
    completed       boolean not null default false, -- it was promoted
    due_at          timestamptz,
    source          text,
    priority        text,
    metadata        text,
    category        text,
    relevance_score integer,                       -- 0 to 1000; the lower, the better
    promoted_at     timestamptz,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (uid, id)
);
-- The same words are the same task, whatever their case.
create unique index staged_tasks_words on staged_tasks (uid, md5(lower(description)));
create index staged_tasks_best on staged_tasks (uid, relevance_score, created_at, id) where not completed;

-- Where an action item comes from that was proposed.
alter table action_items
    add column source          text,
    add column priority        text,
    add column metadata        text,
    add column category        text,
    add column relevance_score integer,
    add column from_staged     boolean not null default false;
