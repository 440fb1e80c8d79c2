-- When the user had a conversation ended: the request may come again, because its answer was lost.
alter table conversations add column end_requested_at timestamptz;
