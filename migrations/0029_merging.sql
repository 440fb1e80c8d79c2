-- Conversations that are to become one.
alter table conversations add column merging_into uuid; -- while it is `merging`: the id that the whole will have
create index conversations_merging on conversations (uid, merging_into) where status = 'merging';
