-- Times are milliseconds since 1970, UTC. Truth is 0 or 1. Documents are JSON text.

CREATE TABLE tenants (
    id          BIGINT NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL
);

CREATE TABLE connections (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          BIGINT NOT NULL,
    name        TEXT   NOT NULL,
    method      TEXT   NOT NULL,            -- the plugin's id
    settings    TEXT   NOT NULL,
    scope       TEXT   NOT NULL,
    rules       TEXT   NOT NULL,            -- grace, guard, matching, authoritative domains, allowed folders
    state       TEXT   NOT NULL,            -- configured, authorised, active, disabled, needs_reauthorisation
    cursor      TEXT,                       -- where the last applied read ended
    fingerprint TEXT,                       -- what the last applied read rested on
    admitted_by TEXT,                       -- chain and scope of the last applied admission
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
);

CREATE TABLE plugin_storage (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    name        TEXT   NOT NULL,
    value       TEXT   NOT NULL,
    PRIMARY KEY (tenant, connection, name),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE secrets (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    name        TEXT   NOT NULL,
    sealed      TEXT   NOT NULL,            -- base64 of nonce and ciphertext
    PRIMARY KEY (tenant, connection, name),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE plugins (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          TEXT   NOT NULL,
    version     TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    summary     TEXT   NOT NULL,
    hash        TEXT   NOT NULL,
    granted     TEXT   NOT NULL,            -- the interfaces the operator granted
    wasm        BLOB   NOT NULL,
    added_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE policies (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name        TEXT   NOT NULL,
    position    BIGINT NOT NULL,
    plugin      TEXT   NOT NULL,
    settings    TEXT   NOT NULL,
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
    connection_name TEXT NOT NULL,
    intent      TEXT   NOT NULL,            -- plan, sync
    state       TEXT   NOT NULL,            -- running, success, unchanged, held, failed
    plan        TEXT,                       -- the plan's hash
    accepted    TEXT,                       -- the hash given with --accept
    applied     BIGINT NOT NULL DEFAULT 0,  -- 1: its lines are history
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    started_by  TEXT   NOT NULL,
    report      TEXT,                       -- counts, holds, fault, notes
    PRIMARY KEY (tenant, id)
);
CREATE INDEX runs_by_connection ON runs (tenant, connection, id);
CREATE INDEX runs_by_plan ON runs (tenant, plan);

-- A read of a source into the overlay. An open one can be gone on with.
CREATE TABLE reads (
    tenant      BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    basis       TEXT   NOT NULL,            -- fingerprint, and the cursor it began from
    position    TEXT,                       -- the resume token; none at the beginning
    incremental BIGINT NOT NULL,
    storage     TEXT,                       -- what the plugin wants kept, JSON
    started_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);

-- The overlay. op: 0 seen, nothing new; 1 put; 2 gone; 3 unreadable; 4 reviewed anew; 5 due for another reason.
CREATE TABLE staged_users (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    source_id   TEXT   NOT NULL,
    op          BIGINT NOT NULL,
    hash        TEXT,
    raw         TEXT,
    user_name_key TEXT,                     -- after policies
    manager     TEXT,                       -- after policies
    digest      TEXT,
    outcome     TEXT,
    problem     TEXT,
    place       TEXT,
    record      TEXT,                       -- the record to be linked, where one was found
    PRIMARY KEY (tenant, read, source_id)
) WITHOUT ROWID;
CREATE INDEX staged_users_by_name ON staged_users (tenant, read, user_name_key);

CREATE TABLE staged_groups (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    source_id   TEXT   NOT NULL,
    op          BIGINT NOT NULL,
    hash        TEXT,
    raw         TEXT,
    digest      TEXT,
    outcome     TEXT,
    problem     TEXT,
    place       TEXT,
    PRIMARY KEY (tenant, read, source_id)
) WITHOUT ROWID;

CREATE TABLE staged_members (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    group_id    TEXT   NOT NULL,
    member_id   TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    op          BIGINT NOT NULL,
    PRIMARY KEY (tenant, read, group_id, member_id, kind)
) WITHOUT ROWID;
CREATE INDEX staged_members_by_member ON staged_members (tenant, read, member_id, kind, op, group_id);

-- Groups of which an incremental read gives the whole list of members. done: the last slice was there.
CREATE TABLE staged_slices (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    group_id    TEXT   NOT NULL,
    done        BIGINT NOT NULL,
    PRIMARY KEY (tenant, read, group_id)
) WITHOUT ROWID;

-- Records of which not even the id could be read: nothing is removed beside them.
CREATE TABLE staged_unknown (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    place       TEXT   NOT NULL,
    why         TEXT   NOT NULL,
    PRIMARY KEY (tenant, read, seq)
) WITHOUT ROWID;

-- The mirror: the latest that the source gave, also what policy leaves out.
CREATE TABLE mirror_users (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    source_id   TEXT   NOT NULL,
    hash        TEXT,
    raw         TEXT,                       -- none: never readable yet
    user_name_key TEXT,
    manager     TEXT,
    digest      TEXT,                       -- what the outcome rests on
    outcome     TEXT,                       -- none: comes in as it is
    problem     TEXT,                       -- why it isn't taken, and how it stands, JSON
    place       TEXT,                       -- where in the source: it was unreadable there
    PRIMARY KEY (tenant, connection, source_id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX mirror_users_with_problem ON mirror_users (tenant, connection, source_id) WHERE problem IS NOT NULL;
CREATE INDEX mirror_users_with_outcome ON mirror_users (tenant, connection, source_id) WHERE outcome IS NOT NULL;

CREATE TABLE mirror_groups (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    source_id   TEXT   NOT NULL,
    hash        TEXT,
    raw         TEXT,
    digest      TEXT,
    outcome     TEXT,
    problem     TEXT,
    place       TEXT,
    PRIMARY KEY (tenant, connection, source_id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE mirror_members (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    group_id    TEXT   NOT NULL,
    member_id   TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    PRIMARY KEY (tenant, connection, group_id, member_id, kind),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX mirror_members_by_member ON mirror_members (tenant, connection, member_id, kind, group_id);

-- Sets of attribute names, so that a link can say in a number what the source owns of a record.
CREATE TABLE attribute_sets (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          BIGINT NOT NULL,
    names       TEXT   NOT NULL,            -- a sorted JSON array
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, names)
);

CREATE TABLE user_links (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    source_id   TEXT   NOT NULL,
    record      TEXT   NOT NULL,
    owns        BIGINT NOT NULL,            -- attribute_sets.id
    left_at     BIGINT,                     -- leaving since
    manager_missing BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, connection, source_id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX user_links_by_record ON user_links (tenant, record, connection);
CREATE INDEX user_links_leaving ON user_links (tenant, connection, left_at) WHERE left_at IS NOT NULL;
CREATE INDEX user_links_without_manager ON user_links (tenant, connection, manager_missing) WHERE manager_missing = 1;

CREATE TABLE group_links (
    tenant      BIGINT NOT NULL,
    connection  BIGINT NOT NULL,
    source_id   TEXT   NOT NULL,
    record      TEXT   NOT NULL,
    owns        BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection, source_id),
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX group_links_by_record ON group_links (tenant, record, connection);

-- The directory.
CREATE TABLE users (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          TEXT   NOT NULL,
    user_name   TEXT   NOT NULL,
    user_name_key TEXT,                     -- folded; none only while names change hands inside a transaction
    active      BIGINT NOT NULL,
    attributes  TEXT   NOT NULL,
    origin      BIGINT,                     -- the connection that owns it; none: manual
    manager     TEXT,
    paths       TEXT,                       -- a JSON array, the primary one first
    edited      BIGINT NOT NULL DEFAULT 0,  -- an owned field was edited here
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX users_by_name ON users (tenant, user_name_key);
CREATE INDEX users_by_manager ON users (tenant, manager) WHERE manager IS NOT NULL;
CREATE INDEX users_edited ON users (tenant, edited) WHERE edited = 1;
CREATE INDEX users_manual ON users (tenant, id) WHERE origin IS NULL;

-- E-mail addresses of manual users, folded: for matching newcomers.
CREATE TABLE manual_addresses (
    tenant      BIGINT NOT NULL,
    address     TEXT   NOT NULL,
    record      TEXT   NOT NULL,
    PRIMARY KEY (tenant, address, record)
) WITHOUT ROWID;

CREATE TABLE groups (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          TEXT   NOT NULL,
    display_name TEXT  NOT NULL,
    attributes  TEXT   NOT NULL,
    origin      BIGINT,
    edited      BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX groups_edited ON groups (tenant, edited) WHERE edited = 1;

CREATE TABLE memberships (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    group_id    TEXT   NOT NULL,
    member_id   TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    owner       BIGINT NOT NULL,            -- the connection that added it; 0: by hand
    PRIMARY KEY (tenant, group_id, member_id, owner)
) WITHOUT ROWID;
CREATE INDEX memberships_by_member ON memberships (tenant, member_id, group_id, owner);

-- Plan lines. Those of an applied run are its journal.
CREATE TABLE lines (
    tenant      BIGINT NOT NULL,
    run         BIGINT NOT NULL,
    kind        TEXT   NOT NULL,            -- group, user, membership: also the order of the plan
    source_id   TEXT   NOT NULL,
    member_id   TEXT   NOT NULL,            -- with its kind before it: u:7, g:9; empty for records
    action      TEXT   NOT NULL,
    record      TEXT   NOT NULL,            -- the directory's id; of a membership: the group's
    member      TEXT   NOT NULL,            -- a membership's member; else empty
    name        TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    changes     TEXT   NOT NULL,            -- field: [before, after]
    owns        BIGINT NOT NULL DEFAULT 0,  -- attribute_sets.id, where the line sets it
    away        BIGINT NOT NULL DEFAULT 0,  -- 1: the guard counts it
    PRIMARY KEY (tenant, run, kind, source_id, member_id),
    FOREIGN KEY (tenant, run) REFERENCES runs (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX lines_by_record ON lines (tenant, record, run) WHERE kind <> 'membership';

-- What a run passed over or wants looked at: left out, held, quarantined, notes.
CREATE TABLE findings (
    tenant      BIGINT NOT NULL,
    run         BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    standing    TEXT   NOT NULL,            -- skipped, held, quarantined, note
    kind        TEXT   NOT NULL,            -- user, group, membership, source
    source_id   TEXT,
    name        TEXT,
    reason      TEXT   NOT NULL,
    place       TEXT,
    PRIMARY KEY (tenant, run, seq),
    FOREIGN KEY (tenant, run) REFERENCES runs (tenant, id) ON DELETE CASCADE
) WITHOUT ROWID;
