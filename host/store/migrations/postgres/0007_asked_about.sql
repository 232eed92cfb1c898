-- A policy of the chain is asked about the people of every connection, or of none, but for those of which something else is said.
ALTER TABLE policies ADD COLUMN asked BIGINT NOT NULL DEFAULT 1;
CREATE TABLE policies_asked (
    tenant      BIGINT NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    connection  BIGINT NOT NULL,
    asked       BIGINT NOT NULL,
    PRIMARY KEY (tenant, name, connection),
    FOREIGN KEY (tenant, name) REFERENCES policies (tenant, name) ON DELETE CASCADE,
    FOREIGN KEY (tenant, connection) REFERENCES connections (tenant, id) ON DELETE CASCADE
);
