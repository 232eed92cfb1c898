-- Times are milliseconds since 1970, UTC. Truth is 0 or 1. Documents are JSON text. Text is compared by its bytes, as SQLite does.

-- Columns of text are read as JSON where a statement says `->` or `->>`.
CREATE FUNCTION json_of_text(document TEXT, field TEXT) RETURNS JSON
    LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE RETURN document::json -> field;
CREATE FUNCTION text_of_text(document TEXT, field TEXT) RETURNS TEXT
    LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE RETURN document::json ->> field;
CREATE OPERATOR -> (LEFTARG = TEXT, RIGHTARG = TEXT, FUNCTION = json_of_text);
CREATE OPERATOR ->> (LEFTARG = TEXT, RIGHTARG = TEXT, FUNCTION = text_of_text);

CREATE TABLE tenants (
    id          BIGINT NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C"   NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL
);

CREATE TABLE connections (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          BIGINT NOT NULL,
    name        TEXT COLLATE "C"   NOT NULL,
    method      TEXT COLLATE "C"   NOT NULL,            -- the plugin's id
    settings    TEXT COLLATE "C"   NOT NULL,
    scope       TEXT COLLATE "C"   NOT NULL,
    rules       TEXT COLLATE "C"   NOT NULL,            -- grace, guard, matching, authoritative domains, allowed folders
    state       TEXT COLLATE "C"   NOT NULL,            -- configured, authorised, active, disabled, needs_reauthorisation
    cursor      TEXT COLLATE "C",                       -- where the last applied read ended
    fingerprint TEXT COLLATE "C",                       -- what the last applied read rested on
    admitted_by TEXT COLLATE "C",                       -- chain and scope of the last applied admission
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
);

CREATE TABLE plugin_storage (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    name        TEXT COLLATE "C"   NOT NULL,
    value       TEXT COLLATE "C"   NOT NULL,
    PRIMARY KEY (tenant, connection, name),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);

CREATE TABLE secrets (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    name        TEXT COLLATE "C"   NOT NULL,
    sealed      TEXT COLLATE "C"   NOT NULL,            -- base64 of nonce and ciphertext
    PRIMARY KEY (tenant, connection, name),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);

CREATE TABLE plugins (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          TEXT COLLATE "C"   NOT NULL,
    version     TEXT COLLATE "C"   NOT NULL,
    kind        TEXT COLLATE "C"   NOT NULL,
    summary     TEXT COLLATE "C"   NOT NULL,
    hash        TEXT COLLATE "C"   NOT NULL,
    granted     TEXT COLLATE "C"   NOT NULL,            -- the interfaces the operator granted
    wasm        BYTEA   NOT NULL,
    added_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- Limits of plugins that the operator set, by name; the others are the host's.
CREATE TABLE plugin_limits (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    plugin      TEXT COLLATE "C"   NOT NULL,
    limits      TEXT COLLATE "C"   NOT NULL,            -- JSON: names and numbers
    PRIMARY KEY (tenant, plugin)
);

CREATE TABLE policies (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name        TEXT COLLATE "C"   NOT NULL,
    position    BIGINT NOT NULL,
    plugin      TEXT COLLATE "C"   NOT NULL,
    settings    TEXT COLLATE "C"   NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- One run of a tenant at a time. The fence grows with every holder; who commits must still have it.
CREATE TABLE leases (
    tenant      BIGINT NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    fence       BIGINT NOT NULL,
    run         BIGINT,                     -- none: free
    expires_at  BIGINT NOT NULL
);

CREATE TABLE runs (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    connection_name TEXT COLLATE "C" NOT NULL,
    intent      TEXT COLLATE "C"   NOT NULL,            -- plan, sync
    state       TEXT COLLATE "C"   NOT NULL,            -- running, success, unchanged, held, failed
    plan        TEXT COLLATE "C",                       -- the plan's hash
    accepted    TEXT COLLATE "C",                       -- the plan, where somebody agreed to it although it was held
    applied     BIGINT NOT NULL DEFAULT 0,  -- 1: its lines are history
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    started_by  TEXT COLLATE "C"   NOT NULL,
    report      TEXT COLLATE "C",                       -- counts, holds, fault, notes
    PRIMARY KEY (tenant, id)
);
CREATE INDEX runs_by_connection ON runs (tenant, connection, id);
CREATE INDEX runs_by_plan ON runs (tenant, plan);

-- A read of a source into the overlay. An open one can be gone on with.
CREATE TABLE reads (
    tenant      BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    basis       TEXT COLLATE "C"   NOT NULL,            -- fingerprint, and the cursor it began from
    position    TEXT COLLATE "C",                       -- the resume token; none at the beginning
    incremental BIGINT NOT NULL,
    storage     TEXT COLLATE "C",                       -- what the plugin wants kept, JSON
    started_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);

-- The overlay. op: 0 seen, nothing new; 1 put; 2 gone; 3 unreadable; 4 reviewed anew; 5 due for another reason.
CREATE TABLE staged_users (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    source_id   TEXT COLLATE "C"   NOT NULL,
    op          BIGINT NOT NULL,
    hash        TEXT COLLATE "C",
    raw         TEXT COLLATE "C",
    user_name_key TEXT COLLATE "C",                     -- after policies
    manager     TEXT COLLATE "C",                       -- after policies
    digest      TEXT COLLATE "C",
    outcome     TEXT COLLATE "C",
    problem     TEXT COLLATE "C",
    place       TEXT COLLATE "C",
    record      TEXT COLLATE "C",                       -- the record to be linked, where one was found
    PRIMARY KEY (tenant, read, source_id)
);
CREATE INDEX staged_users_by_name ON staged_users (tenant, read, user_name_key);

CREATE TABLE staged_groups (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    source_id   TEXT COLLATE "C"   NOT NULL,
    op          BIGINT NOT NULL,
    hash        TEXT COLLATE "C",
    raw         TEXT COLLATE "C",
    digest      TEXT COLLATE "C",
    outcome     TEXT COLLATE "C",
    problem     TEXT COLLATE "C",
    place       TEXT COLLATE "C",
    PRIMARY KEY (tenant, read, source_id)
);

CREATE TABLE staged_members (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    group_id    TEXT COLLATE "C"   NOT NULL,
    member_id   TEXT COLLATE "C"   NOT NULL,
    kind        TEXT COLLATE "C"   NOT NULL,
    op          BIGINT NOT NULL,
    PRIMARY KEY (tenant, read, group_id, member_id, kind)
);
CREATE INDEX staged_members_by_member ON staged_members (tenant, read, member_id, kind, op, group_id);

-- Groups of which an incremental read gives the whole list of members. done: the last slice was there.
CREATE TABLE staged_slices (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    group_id    TEXT COLLATE "C"   NOT NULL,
    done        BIGINT NOT NULL,
    PRIMARY KEY (tenant, read, group_id)
);

-- Records of which not even the id could be read: nothing is removed beside them.
CREATE TABLE staged_unknown (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    place       TEXT COLLATE "C"   NOT NULL,
    why         TEXT COLLATE "C"   NOT NULL,
    PRIMARY KEY (tenant, read, seq)
);

-- The mirror: the latest that the source gave, also what policy leaves out.
CREATE TABLE mirror_users (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    source_id   TEXT COLLATE "C"   NOT NULL,
    hash        TEXT COLLATE "C",
    raw         TEXT COLLATE "C",                       -- none: never readable yet
    user_name_key TEXT COLLATE "C",
    manager     TEXT COLLATE "C",
    digest      TEXT COLLATE "C",                       -- what the outcome rests on
    outcome     TEXT COLLATE "C",                       -- none: comes in as it is
    problem     TEXT COLLATE "C",                       -- why it isn't taken, and how it stands, JSON
    place       TEXT COLLATE "C",                       -- where in the source: it was unreadable there
    PRIMARY KEY (tenant, connection, source_id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
CREATE INDEX mirror_users_with_problem ON mirror_users (tenant, connection, source_id) WHERE problem IS NOT NULL;
CREATE INDEX mirror_users_with_outcome ON mirror_users (tenant, connection, source_id) WHERE outcome IS NOT NULL;

CREATE TABLE mirror_groups (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    source_id   TEXT COLLATE "C"   NOT NULL,
    hash        TEXT COLLATE "C",
    raw         TEXT COLLATE "C",
    digest      TEXT COLLATE "C",
    outcome     TEXT COLLATE "C",
    problem     TEXT COLLATE "C",
    place       TEXT COLLATE "C",
    PRIMARY KEY (tenant, connection, source_id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);

CREATE TABLE mirror_members (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    group_id    TEXT COLLATE "C"   NOT NULL,
    member_id   TEXT COLLATE "C"   NOT NULL,
    kind        TEXT COLLATE "C"   NOT NULL,
    PRIMARY KEY (tenant, connection, group_id, member_id, kind),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
CREATE INDEX mirror_members_by_member ON mirror_members (tenant, connection, member_id, kind, group_id);

-- Sets of attribute names, so that a link can say in a number what the source owns of a record.
CREATE TABLE attribute_sets (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          BIGINT NOT NULL,
    names       TEXT COLLATE "C"   NOT NULL,            -- a sorted JSON array
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, names)
);

CREATE TABLE user_links (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    source_id   TEXT COLLATE "C"   NOT NULL,
    record      TEXT COLLATE "C"   NOT NULL,
    owns        BIGINT NOT NULL,            -- attribute_sets.id
    left_at     BIGINT,                     -- leaving since
    manager_missing BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, connection, source_id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX user_links_by_record ON user_links (tenant, record, connection);
CREATE INDEX user_links_leaving ON user_links (tenant, connection, left_at) WHERE left_at IS NOT NULL;
CREATE INDEX user_links_without_manager ON user_links (tenant, connection, manager_missing) WHERE manager_missing = 1;

CREATE TABLE group_links (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    source_id   TEXT COLLATE "C"   NOT NULL,
    record      TEXT COLLATE "C"   NOT NULL,
    owns        BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection, source_id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX group_links_by_record ON group_links (tenant, record, connection);

-- The directory.
CREATE TABLE users (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          TEXT COLLATE "C"   NOT NULL,
    user_name   TEXT COLLATE "C"   NOT NULL,
    user_name_key TEXT COLLATE "C",                     -- folded; none only while names change hands inside a transaction
    active      BIGINT NOT NULL,
    attributes  TEXT COLLATE "C"   NOT NULL,
    origin      BIGINT,                     -- the connection that owns it; none: manual
    manager     TEXT COLLATE "C",
    paths       TEXT COLLATE "C",                       -- a JSON array, the primary one first
    edited      BIGINT NOT NULL DEFAULT 0,  -- 1: an owned field was edited here; 2: a run looks at it
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX users_by_name ON users (tenant, user_name_key);
CREATE INDEX users_by_manager ON users (tenant, manager) WHERE manager IS NOT NULL;
CREATE INDEX users_edited ON users (tenant, edited) WHERE edited <> 0;
CREATE INDEX users_manual ON users (tenant, id) WHERE origin IS NULL;

-- E-mail addresses of manual users, folded: for matching newcomers.
CREATE TABLE manual_addresses (
    tenant      BIGINT NOT NULL,
    address     TEXT COLLATE "C"   NOT NULL,
    record      TEXT COLLATE "C"   NOT NULL,
    PRIMARY KEY (tenant, address, record)
);

CREATE TABLE groups (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          TEXT COLLATE "C"   NOT NULL,
    display_name TEXT COLLATE "C"  NOT NULL,
    attributes  TEXT COLLATE "C"   NOT NULL,
    origin      BIGINT,
    edited      BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX groups_edited ON groups (tenant, edited) WHERE edited <> 0;

CREATE TABLE memberships (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    group_id    TEXT COLLATE "C"   NOT NULL,
    member_id   TEXT COLLATE "C"   NOT NULL,
    kind        TEXT COLLATE "C"   NOT NULL,
    owner       BIGINT NOT NULL,            -- the connection that added it; 0: by hand
    PRIMARY KEY (tenant, group_id, member_id, owner)
);
CREATE INDEX memberships_by_member ON memberships (tenant, member_id, group_id, owner);

-- Plan lines. Those of an applied run are its journal.
CREATE TABLE lines (
    tenant      BIGINT NOT NULL,
    run         BIGINT NOT NULL,
    kind        TEXT COLLATE "C"   NOT NULL,            -- group, user, membership: also the order of the plan
    source_id   TEXT COLLATE "C"   NOT NULL,
    member_id   TEXT COLLATE "C"   NOT NULL,            -- with its kind before it: u:7, g:9; empty for records
    action      TEXT COLLATE "C"   NOT NULL,
    record      TEXT COLLATE "C"   NOT NULL,            -- the directory's id; of a membership: the group's
    member      TEXT COLLATE "C"   NOT NULL,            -- a membership's member; else empty
    name        TEXT COLLATE "C"   NOT NULL,
    reason      TEXT COLLATE "C"   NOT NULL,
    changes     TEXT COLLATE "C"   NOT NULL,            -- field: [before, after]
    owns        BIGINT NOT NULL DEFAULT 0,  -- attribute_sets.id, where the line sets it
    away        BIGINT NOT NULL DEFAULT 0,  -- what the guard counts it as: 1 somebody, 2 values
    PRIMARY KEY (tenant, run, kind, source_id, member_id),
    FOREIGN KEY (tenant, run) REFERENCES runs (tenant, id) ON DELETE CASCADE
);
CREATE INDEX lines_away ON lines (tenant, run, kind, away) WHERE away <> 0;
CREATE INDEX lines_by_record ON lines (tenant, record, run) WHERE kind <> 'membership';

-- What a run passed over or wants looked at: left out, held, quarantined, notes.
CREATE TABLE findings (
    tenant      BIGINT NOT NULL,
    run         BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    standing    TEXT COLLATE "C"   NOT NULL,            -- skipped, held, quarantined, note
    kind        TEXT COLLATE "C"   NOT NULL,            -- user, group, membership, source
    source_id   TEXT COLLATE "C",
    name        TEXT COLLATE "C",
    reason      TEXT COLLATE "C"   NOT NULL,
    place       TEXT COLLATE "C",
    PRIMARY KEY (tenant, run, seq),
    FOREIGN KEY (tenant, run) REFERENCES runs (tenant, id) ON DELETE CASCADE
);
