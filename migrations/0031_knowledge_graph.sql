-- Who and what a user's memories and conversations are about, and how that hangs together.
create table knowledge_graphs (
    uid        text primary key references users (uid) on delete cascade,
    generation integer not null                    -- how often it was emptied
);
create table knowledge_nodes (
    uid              text not null references users (uid) on delete cascade,
    id               uuid not null,
    label            text not null,
    label_lower      text not null,
    node_type        text not null check (node_type in ('person', 'place', 'thing', 'concept', 'organization')),
    aliases          text[] not null,
    is_user          boolean not null,             -- the user themself
    memory_ids       uuid[] not null,              -- which it may outlive
    conversation_ids uuid[] not null,              -- the same
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    primary key (uid, id)
);
create unique index knowledge_nodes_label on knowledge_nodes (uid, label_lower);
create table knowledge_edges (
    uid              text not null,
    id               text not null,                -- from both ends and the label
    source_id        uuid not null,
    target_id        uuid not null,
    label            text not null,
    memory_ids       uuid[] not null,
    conversation_ids uuid[] not null,
    created_at       timestamptz not null,
    primary key (uid, id),
    foreign key (uid, source_id) references knowledge_nodes (uid, id) on delete cascade,
    foreign key (uid, target_id) references knowledge_nodes (uid, id) on delete cascade
);
-- Conversations that were read, and as which run of their processing.
create table knowledge_sources (
    uid             text not null,
    conversation_id uuid not null,
    run             integer not null,
    primary key (uid, conversation_id),
    foreign key (uid, conversation_id) references conversations (uid, id) on delete cascade
);
