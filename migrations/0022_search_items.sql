-- The index of search: what each user has, in words stemmed in the user's language and, later, in vectors. It stands
-- apart from the nouns' tables, so that its upkeep does not slow their writes. Both extensions are trusted: the owner of
-- a database may create them.
create extension if not exists pg_trgm;
create extension if not exists btree_gin;

-- What stems words of a language (BCP 47); of one that is unknown, words stay as they are.
create function search_configuration(language text) returns regconfig language sql immutable as $$
    select (case lower(split_part(coalesce(nullif(language, ''), 'en'), '-', 1))
        when 'ar' then 'arabic' when 'hy' then 'armenian' when 'eu' then 'basque' when 'ca' then 'catalan'
        when 'da' then 'danish' when 'nl' then 'dutch' when 'en' then 'english' when 'fi' then 'finnish'
        when 'fr' then 'french' when 'de' then 'german' when 'el' then 'greek' when 'hi' then 'hindi'
        when 'hu' then 'hungarian' when 'id' then 'indonesian' when 'ga' then 'irish' when 'it' then 'italian'
        when 'lt' then 'lithuanian' when 'ne' then 'nepali' when 'no' then 'norwegian' when 'nb' then 'norwegian'
        when 'nn' then 'norwegian' when 'pt' then 'portuguese' when 'ro' then 'romanian' when 'ru' then 'russian'
        when 'sr' then 'serbian' when 'es' then 'spanish' when 'sv' then 'swedish' when 'ta' then 'tamil'
        when 'tr' then 'turkish' when 'yi' then 'yiddish'
        else 'simple' end)::regconfig
$$;

create table search_items (
    uid             text not null references users (uid) on delete cascade,
    kind            text not null check (kind in ('segment', 'conversation', 'memory', 'action_item')),
    id              uuid not null,
    conversation_id uuid,                          -- of a conversation: its own id
    person_id       text,                          -- who says the segment, if that is known
    position        double precision not null,     -- seconds into the conversation
    at              timestamptz not null,          -- when it was said, began or was made
    words           tsvector not null,             -- of a conversation: those of the title have weight A
    length          integer not null,              -- different words
    primary key (uid, kind, id)
);
create index search_items_words on search_items using gin (uid, words);
create index search_items_by_time on search_items (uid, at);
create index search_items_of_conversation on search_items (uid, conversation_id, position, id);

-- In how many of a user's items a word occurs. What the user never said is looked for in a similar spelling.
create table search_words (
    uid   text not null references users (uid) on delete cascade,
    word  text not null,
    items integer not null,
    primary key (uid, word)
);
create index search_words_alike on search_words using gin (uid, word gin_trgm_ops);

create table search_totals (
    uid     text primary key references users (uid) on delete cascade,
    items   bigint not null,
    lengths bigint not null                        -- sum of search_items.length
);

-- A row per item; without a model it waits for its vector.
create table search_vectors (
    uid        text not null,
    kind       text not null,
    id         uuid not null,
    model      text,
    vector     bytea,                              -- half-precision floats, little endian, of length 1
    changed_at timestamptz not null default clock_timestamp(),
    claimed_at timestamptz,                        -- since when an instance computes it
    primary key (uid, kind, id),
    foreign key (uid, kind, id) references search_items (uid, kind, id) on delete cascade
);
-- All vectors of a user are read one after the other: none of them lies elsewhere, in pieces.
alter table search_vectors alter column vector set storage plain;
create index search_vectors_changed on search_vectors (uid, changed_at) where model is not null;
create index search_vectors_waiting on search_vectors (uid, kind, id) where model is null;

-- What the index has to look at again. Rows are added by triggers, in the transaction of the change, and each change adds
-- its own: there is no row that two writers could wait for, and none that a reader could take away while a writer counts
-- on it. A notification for each would do as well but for its lock, which every commit on the server would wait for.
-- No foreign key: a mark outlives its user until the index was tidied.
create table search_changes (
    uid             text not null,
    mark            uuid not null default gen_random_uuid(),
    kind            text not null,
    id              uuid not null,
    conversation_id uuid not null default '00000000-0000-0000-0000-000000000000', -- of a segment
    at              timestamptz not null default now(),
    primary key (uid, mark)
);

create function search_mark() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        insert into search_changes (uid, kind, id) values (old.uid, tg_argv[0], old.id);
    else
        insert into search_changes (uid, kind, id) values (new.uid, tg_argv[0], new.id);
    end if;
    return null;
end $$;

create function search_mark_segment() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        insert into search_changes (uid, kind, id, conversation_id) values (old.uid, 'segment', old.id, old.conversation_id);
    else
        insert into search_changes (uid, kind, id, conversation_id) values (new.uid, 'segment', new.id, new.conversation_id);
    end if;
    return null;
end $$;

-- Everything that a user has, for example when words are to be stemmed in another language, and what the index still
-- holds of them.
create function search_mark_all(whose text) returns bigint language sql as $$
    with marked as (
        insert into search_changes (uid, kind, id, conversation_id)
        select uid, 'conversation', id, '00000000-0000-0000-0000-000000000000'::uuid from conversations where uid = whose
        union
        select uid, 'segment', id, conversation_id from transcript_segments where uid = whose
        union
        select uid, 'memory', id, '00000000-0000-0000-0000-000000000000'::uuid from memories where uid = whose
        union
        select uid, 'action_item', id, '00000000-0000-0000-0000-000000000000'::uuid from action_items where uid = whose
        union
        select uid, kind, id, case when kind = 'segment' then conversation_id else '00000000-0000-0000-0000-000000000000' end
        from search_items where uid = whose
        returning 1
    )
    select count(*) from marked
$$;

create function search_mark_user() returns trigger language plpgsql as $$
begin
    perform search_mark_all(new.uid);
    return null;
end $$;

-- What there is to search in the items of these marks; an item that is gone, or that the user rejected, is not there.
create function search_sources(whose text, kinds text[], conversations uuid[], ids uuid[])
returns table (kind text, id uuid, conversation_id uuid, person_id text, "position" double precision, at timestamptz,
               title text, text text)
language sql stable rows 100 as $$
    with marks as materialized (
        select distinct m.kind, m.conversation_id, m.id from unnest($2, $3, $4) as m (kind, conversation_id, id)
    )
    select m.kind, s.id, s.conversation_id, s.person_id, s.start_seconds,
           c.started_at + make_interval(secs => s.start_seconds), '', left(s.text, 100000)
    from marks m
    join transcript_segments s on s.uid = $1 and s.conversation_id = m.conversation_id and s.id = m.id
    join conversations c on c.uid = $1 and c.id = s.conversation_id
    where m.kind = 'segment'
    union all
    select m.kind, c.id, c.id, null, 0, c.started_at, c.title,
           left(concat_ws(E'\n', nullif(c.overview, ''), c.external_data ->> 'text'), 100000)
    from marks m join conversations c on c.uid = $1 and c.id = m.id
    where m.kind = 'conversation'
    union all
    select m.kind, n.id, n.conversation_id, null, 0, n.created_at, '', n.content
    from marks m join memories n on n.uid = $1 and n.id = m.id
    where m.kind = 'memory' and n.user_review is distinct from false
    union all
    select m.kind, a.id, a.conversation_id, null, 0, a.created_at, '', a.description
    from marks m join action_items a on a.uid = $1 and a.id = m.id
    where m.kind = 'action_item'
$$;

create trigger search_mark after insert or delete on conversations
    for each row execute function search_mark('conversation');
create trigger search_mark_changed after update on conversations for each row
    when (old.title is distinct from new.title or old.overview is distinct from new.overview
          or old.started_at is distinct from new.started_at
          or old.external_data ->> 'text' is distinct from new.external_data ->> 'text')
    execute function search_mark('conversation');
create trigger search_mark after insert or delete on transcript_segments
    for each row execute function search_mark_segment();
create trigger search_mark_changed after update on transcript_segments for each row
    when (old.text is distinct from new.text or old.start_seconds is distinct from new.start_seconds
          or old.person_id is distinct from new.person_id)
    execute function search_mark_segment();
create trigger search_mark after insert or delete on memories
    for each row execute function search_mark('memory');
create trigger search_mark_changed after update on memories for each row
    when (old.content is distinct from new.content or old.conversation_id is distinct from new.conversation_id
          or old.created_at is distinct from new.created_at
          or (old.user_review is not distinct from false) <> (new.user_review is not distinct from false))
    execute function search_mark('memory');
create trigger search_mark after insert or delete on action_items
    for each row execute function search_mark('action_item');
create trigger search_mark_changed after update on action_items for each row
    when (old.description is distinct from new.description or old.conversation_id is distinct from new.conversation_id
          or old.created_at is distinct from new.created_at)
    execute function search_mark('action_item');
create trigger search_mark_all after update on users for each row
    when (old.language is distinct from new.language)
    execute function search_mark_user();

-- What there is already.
select search_mark_all(uid) from users;

-- The index replaces what searched conversations before.
alter table conversations drop column search;
alter table transcript_segments drop column search;
