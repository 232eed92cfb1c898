-- Of what was seen again nothing is looked up: only what is new is found by name or by member.
DROP INDEX staged_users_by_name;
CREATE INDEX staged_users_by_name ON staged_users (tenant, read, user_name_key) WHERE user_name_key IS NOT NULL;
DROP INDEX staged_members_by_member;
CREATE INDEX staged_members_by_member ON staged_members (tenant, read, member_id, kind, op, group_id) WHERE op <> 0;

-- What the directory holds, as JSON, counted as of the change counted_at. As of any other it is unknown.
ALTER TABLE tenants ADD COLUMN counted_at BIGINT;
ALTER TABLE tenants ADD COLUMN counted TEXT COLLATE "C";
