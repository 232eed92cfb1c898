-- One connection of a tenant is active. The run by which it gave way to another: an undo of that run gives it its turn back.
ALTER TABLE connections ADD COLUMN gave_way BIGINT;
