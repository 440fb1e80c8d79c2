-- Whether the user changed a row since it was made: what is understood again then leaves it alone. A marker of its own,
-- since a time of change would also count changes that are not the user's.
alter table action_items
    add column touched  boolean not null default false,
    add column found_as text;                      -- the description that it was found with, which the user may have changed
alter table memories add column touched boolean not null default false;
-- Until now only users changed them.
update action_items set touched = true where updated_at <> created_at;
update memories set touched = true where updated_at <> created_at;
