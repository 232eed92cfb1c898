-- One connection of a tenant is active. Whose state a run changed by a switch, as JSON: [[connection, before, after], ...]. An undo gives the
-- turn back by it.
ALTER TABLE runs ADD COLUMN turn TEXT;
