-- A record has one link of a connection: two source ids of one person are told apart by somebody, never guessed.
DELETE FROM user_links WHERE EXISTS (
    SELECT 1 FROM user_links o
    WHERE o.tenant = user_links.tenant AND o.connection = user_links.connection AND o.record = user_links.record
      AND o.source_id <> user_links.source_id
      AND (user_links.left_at IS NOT NULL AND o.left_at IS NULL
        OR (user_links.left_at IS NULL) = (o.left_at IS NULL) AND o.source_id < user_links.source_id));
DROP INDEX user_links_by_record;
CREATE UNIQUE INDEX user_links_by_record ON user_links (tenant, record, connection);
DROP INDEX group_links_by_record;
CREATE UNIQUE INDEX group_links_by_record ON group_links (tenant, record, connection);

-- runs.accepted is written when a run is applied: its plan, where somebody agreed to it although it was held.
UPDATE runs SET accepted = NULL WHERE applied = 0;

-- edited: 1 since the last look, 2 while a run looks at it. A run clears only what it looked at.
DROP INDEX users_edited;
CREATE INDEX users_edited ON users (tenant, edited) WHERE edited <> 0;
DROP INDEX groups_edited;
CREATE INDEX groups_edited ON groups (tenant, edited) WHERE edited <> 0;

-- away: 1 somebody loses something, 2 a value is cleared; the guard counts both and looks back over a day of runs.
CREATE INDEX lines_away ON lines (tenant, run, kind, away) WHERE away <> 0;

-- Limits of plugins that the operator set, by name; the others are the host's.
CREATE TABLE plugin_limits (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    plugin      TEXT   NOT NULL,
    limits      TEXT   NOT NULL,            -- JSON: names and numbers
    PRIMARY KEY (tenant, plugin)
);
