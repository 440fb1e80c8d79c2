-- What was made last is taken in first, so that it is found while a large import is on its way.
create index search_changes_newest on search_changes (uid, at);
drop index search_vectors_waiting;
create index search_vectors_waiting on search_vectors (uid, changed_at) where model is null;
-- Who holds vectors in memory learns by this also which of them are outdated.
drop index search_vectors_changed;
create index search_vectors_changed on search_vectors (uid, changed_at);
