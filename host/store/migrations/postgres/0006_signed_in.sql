-- How often a secret was replaced: who saves the successor of a version that isn't the last one any more has lost, and nothing happens.
ALTER TABLE secrets ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- The domains that the source has verified to be its own, a JSON array, as the last test of the connection saw them.
ALTER TABLE connections ADD COLUMN domains TEXT NOT NULL DEFAULT '[]';
