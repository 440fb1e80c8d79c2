-- What a person said, and in which conversations, without a look at the rest.
create index search_items_said on search_items (uid, person_id, conversation_id, id) where person_id is not null;
-- Which conversations a search leaves out.
create index conversations_discarded on conversations (uid, id) where discarded;
