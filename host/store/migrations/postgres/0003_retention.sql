-- For how many days a tenant keeps what it could do without. No row: the host's own numbers.
CREATE TABLE retention (
    tenant      BIGINT NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    history     BIGINT NOT NULL,
    plans       BIGINT NOT NULL,
    left_out    BIGINT NOT NULL
);

-- Left out since. After the tenant's days only source id and hash are kept.
ALTER TABLE mirror_users ADD COLUMN left_out_at BIGINT;
CREATE INDEX mirror_users_left_out ON mirror_users (tenant, connection, left_out_at) WHERE left_out_at IS NOT NULL;

-- Who was erased: nothing but keyed hashes.
CREATE TABLE tombstones (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    connection  BIGINT NOT NULL,            -- 0: a name, which any connection may give
    mark        TEXT COLLATE "C" NOT NULL,            -- HMAC-SHA-256 of a source id of the connection, or of a userName, hex
    erasure     BIGINT NOT NULL,            -- the run that erased him
    keyed       TEXT COLLATE "C" NOT NULL,            -- tells the key from others
    erased_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection, mark)
);
