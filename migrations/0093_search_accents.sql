-- Words with accents are found without them too. The extension is trusted: the owner of a database may create it.
create extension if not exists unaccent;

-- The words of a text as they are written and, where that is something else, without accents.
create function search_vector(configuration regconfig, text text) returns tsvector language sql stable as $$
    select case when text ~ '^[[:ascii:]]*$' then to_tsvector(configuration, text)
           else to_tsvector(configuration, text) || to_tsvector(configuration, unaccent(text)) end
$$;

select search_mark_all(uid) from users;
