-- What full-text search looks at. A vector holds at most 1 MiB; a text of 100,000 characters stays below it.
alter table conversations add column search tsvector not null generated always as (
    setweight(to_tsvector('english', title), 'A')
        || setweight(to_tsvector('english', overview), 'B')
        || to_tsvector('english', left(coalesce(external_data ->> 'text', ''), 100000))
) stored;
alter table transcript_segments add column search tsvector not null generated always as (
    to_tsvector('english', left(text, 100000))
) stored;
