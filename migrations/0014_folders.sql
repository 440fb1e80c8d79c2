-- What conversations are sorted into; conversations.folder_id names one.
create table folders (
    uid              text not null references users (uid) on delete cascade,
    id               text not null,
    name             text not null,
    description      text,
    color            text not null default '#6B7280',
    icon             text not null default '📁',
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    position         integer not null,             -- "order" in answers
    is_default       boolean not null default false,
    is_system        boolean not null default false,
    category_mapping text,
    primary key (uid, id)
);
create index folders_in_order on folders (uid, position, id);
create index conversations_by_folder on conversations (uid, folder_id) where folder_id is not null;
