-- What was. Every change of a tenant's directory has a number: whoever writes takes the next one first, in the same transaction.
ALTER TABLE tenants ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;
-- The last change of which the history is forgotten.
ALTER TABLE tenants ADD COLUMN forgotten BIGINT NOT NULL DEFAULT 0;

ALTER TABLE runs ADD COLUMN change BIGINT;          -- the number of what it applied
ALTER TABLE runs ADD COLUMN stood_on TEXT COLLATE "C";          -- the connection's settings, scope and rules that it was applied with
ALTER TABLE runs ADD COLUMN undoes BIGINT;          -- the run that this one takes back
UPDATE runs SET change = id WHERE applied = 1;
UPDATE tenants SET changes = COALESCE((SELECT MAX(r.change) FROM runs r WHERE r.tenant = tenants.id), 0);
UPDATE tenants SET forgotten = changes;
CREATE INDEX runs_by_change ON runs (tenant, change) WHERE change IS NOT NULL;

-- since: the change that put the row there.
ALTER TABLE users ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE groups ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memberships ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE user_links ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE group_links ADD COLUMN since BIGINT NOT NULL DEFAULT 0;

-- A row as it was before the change `until`, kept by triggers, whoever writes. A change keeps what was before its first write.
CREATE TABLE users_was (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          TEXT COLLATE "C"   NOT NULL,
    until       BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    user_name   TEXT COLLATE "C"   NOT NULL,
    user_name_key TEXT COLLATE "C",
    active      BIGINT NOT NULL,
    attributes  TEXT COLLATE "C"   NOT NULL,
    origin      BIGINT,
    manager     TEXT COLLATE "C",
    paths       TEXT COLLATE "C",
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id, until)
);
CREATE INDEX users_was_until ON users_was (tenant, until, id);

CREATE TABLE groups_was (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          TEXT COLLATE "C"   NOT NULL,
    until       BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    display_name TEXT COLLATE "C"  NOT NULL,
    attributes  TEXT COLLATE "C"   NOT NULL,
    origin      BIGINT,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id, until)
);
CREATE INDEX groups_was_until ON groups_was (tenant, until, id);

CREATE TABLE memberships_was (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    group_id    TEXT COLLATE "C"   NOT NULL,
    member_id   TEXT COLLATE "C"   NOT NULL,
    owner       BIGINT NOT NULL,
    until       BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    kind        TEXT COLLATE "C"   NOT NULL,
    PRIMARY KEY (tenant, group_id, member_id, owner, until)
);
CREATE INDEX memberships_was_by_member ON memberships_was (tenant, member_id, group_id, owner, until);
CREATE INDEX memberships_was_until ON memberships_was (tenant, until, group_id, member_id);

CREATE TABLE user_links_was (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    connection  BIGINT NOT NULL,
    source_id   TEXT COLLATE "C"   NOT NULL,
    until       BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    record      TEXT COLLATE "C"   NOT NULL,
    owns        BIGINT NOT NULL,
    left_at     BIGINT,
    PRIMARY KEY (tenant, connection, source_id, until)
);
CREATE INDEX user_links_was_by_record ON user_links_was (tenant, record, connection, until);
CREATE INDEX user_links_was_until ON user_links_was (tenant, until, record);

CREATE TABLE group_links_was (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    connection  BIGINT NOT NULL,
    source_id   TEXT COLLATE "C"   NOT NULL,
    until       BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    record      TEXT COLLATE "C"   NOT NULL,
    owns        BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection, source_id, until)
);
CREATE INDEX group_links_was_by_record ON group_links_was (tenant, record, connection, until);
CREATE INDEX group_links_was_until ON group_links_was (tenant, until, record);

-- What came by the change that goes on has no past. A tenant that goes has none to keep.
CREATE FUNCTION keep_users() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO users_was (tenant, id, until, since, user_name, user_name_key, active, attributes, origin, manager, paths, created_at)
    SELECT old.tenant, old.id, t.changes, old.since, old.user_name, old.user_name_key, old.active, old.attributes, old.origin,
        old.manager, old.paths, old.created_at
    FROM tenants t WHERE t.id = old.tenant AND t.changes > old.since ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER users_change AFTER UPDATE OF user_name, user_name_key, active, attributes, origin, manager, paths ON users
    FOR EACH ROW
    WHEN (old.user_name IS DISTINCT FROM new.user_name
        OR old.user_name_key IS DISTINCT FROM new.user_name_key
        OR old.active IS DISTINCT FROM new.active
        OR old.attributes IS DISTINCT FROM new.attributes
        OR old.origin IS DISTINCT FROM new.origin
        OR old.manager IS DISTINCT FROM new.manager
        OR old.paths IS DISTINCT FROM new.paths)
    EXECUTE FUNCTION keep_users();
CREATE TRIGGER users_go AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION keep_users();

CREATE FUNCTION keep_groups() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO groups_was (tenant, id, until, since, display_name, attributes, origin, created_at)
    SELECT old.tenant, old.id, t.changes, old.since, old.display_name, old.attributes, old.origin, old.created_at
    FROM tenants t WHERE t.id = old.tenant AND t.changes > old.since ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER groups_change AFTER UPDATE OF display_name, attributes, origin ON groups
    FOR EACH ROW
    WHEN (old.display_name IS DISTINCT FROM new.display_name
        OR old.attributes IS DISTINCT FROM new.attributes
        OR old.origin IS DISTINCT FROM new.origin)
    EXECUTE FUNCTION keep_groups();
CREATE TRIGGER groups_go AFTER DELETE ON groups FOR EACH ROW EXECUTE FUNCTION keep_groups();

CREATE FUNCTION keep_memberships() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO memberships_was (tenant, group_id, member_id, owner, until, since, kind)
    SELECT old.tenant, old.group_id, old.member_id, old.owner, t.changes, old.since, old.kind
    FROM tenants t WHERE t.id = old.tenant AND t.changes > old.since ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER memberships_go AFTER DELETE ON memberships FOR EACH ROW EXECUTE FUNCTION keep_memberships();

CREATE FUNCTION keep_user_links() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO user_links_was (tenant, connection, source_id, until, since, record, owns, left_at)
    SELECT old.tenant, old.connection, old.source_id, t.changes, old.since, old.record, old.owns, old.left_at
    FROM tenants t WHERE t.id = old.tenant AND t.changes > old.since ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER user_links_change AFTER UPDATE OF record, owns, left_at ON user_links
    FOR EACH ROW
    WHEN (old.record IS DISTINCT FROM new.record
        OR old.owns IS DISTINCT FROM new.owns
        OR old.left_at IS DISTINCT FROM new.left_at)
    EXECUTE FUNCTION keep_user_links();
CREATE TRIGGER user_links_go AFTER DELETE ON user_links FOR EACH ROW EXECUTE FUNCTION keep_user_links();

CREATE FUNCTION keep_group_links() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO group_links_was (tenant, connection, source_id, until, since, record, owns)
    SELECT old.tenant, old.connection, old.source_id, t.changes, old.since, old.record, old.owns
    FROM tenants t WHERE t.id = old.tenant AND t.changes > old.since ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER group_links_change AFTER UPDATE OF record, owns ON group_links
    FOR EACH ROW
    WHEN (old.record IS DISTINCT FROM new.record
        OR old.owns IS DISTINCT FROM new.owns)
    EXECUTE FUNCTION keep_group_links();
CREATE TRIGGER group_links_go AFTER DELETE ON group_links FOR EACH ROW EXECUTE FUNCTION keep_group_links();
