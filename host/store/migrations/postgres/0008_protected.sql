-- Whom no plan may deactivate, delete or rename. An entry is an address or an id as it was given, folded; record: whom it meant then.
CREATE TABLE protected_users (
    tenant      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    entry       TEXT COLLATE "C" NOT NULL,
    record      TEXT COLLATE "C",
    since       BIGINT NOT NULL,
    PRIMARY KEY (tenant, entry)
);
