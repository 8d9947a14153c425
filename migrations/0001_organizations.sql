-- Tenants. The roles mooring_app and mooring_system exist already: `mooring migrate` makes them
-- first, because creating a role needs a right (CREATEROLE) whose lack deserves its own message.
--
-- Every tenant table has the same three policies:
--   tenant  mooring_app sees the rows of the organization set for the transaction, a plain
--           equality so that indexes are used; unset means no rows at all
--   owner   migrations may change data (FORCE applies policies to the owner too)
--   system  only where sweeps, look-ups or the job engine need it, with column grants

GRANT USAGE ON SCHEMA public TO mooring_app, mooring_system;


CREATE TABLE organizations (
    id          uuid PRIMARY KEY,
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    slug        text UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND char_length(slug) <= 63),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON organizations TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON organizations TO mooring_app
    USING (id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON organizations TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON organizations TO mooring_app;
GRANT SELECT ON organizations TO mooring_system;

-- The platform is a tenant like any other, so that organization_id is never NULL.
INSERT INTO organizations (id, name, created_at, updated_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'Platform', now(), now());

-- Totals of unfiltered lists, kept in the transaction of the change: count(*) over 100,000 rows
-- costs milliseconds on every page.
CREATE TABLE organization_counters (
    organization_id    uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    connections        bigint NOT NULL DEFAULT 0 CHECK (connections >= 0),
    active_connections bigint NOT NULL DEFAULT 0 CHECK (active_connections >= 0),
    repositories       bigint NOT NULL DEFAULT 0 CHECK (repositories >= 0)
) WITH (fillfactor = 70);
ALTER TABLE organization_counters ENABLE ROW LEVEL SECURITY;
ALTER TABLE organization_counters FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON organization_counters TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON organization_counters TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON organization_counters TO mooring_app;
INSERT INTO organization_counters (organization_id) VALUES ('00000000-0000-7000-8000-000000000001');

-- How many platform connections every organization may use. One row without tenant data, so that
-- a tenant's list can tell its total without looking into the platform's rows.
CREATE TABLE shared_connection_counter (
    singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    connections bigint NOT NULL DEFAULT 0 CHECK (connections >= 0),
    active_connections bigint NOT NULL DEFAULT 0 CHECK (active_connections >= 0)
);
INSERT INTO shared_connection_counter DEFAULT VALUES;
GRANT SELECT ON shared_connection_counter TO mooring_app;
GRANT UPDATE (connections, active_connections) ON shared_connection_counter TO mooring_app;

CREATE TABLE members (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id         uuid NOT NULL,
    role            text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer', 'billing')),
    name            text CHECK (char_length(name) <= 200),
    email           text CHECK (char_length(email) <= 320),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX members_user ON members (user_id, organization_id);
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
ALTER TABLE members FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON members TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON members TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON members TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON members TO mooring_app;
GRANT SELECT (organization_id, user_id, role) ON members TO mooring_system;

CREATE TABLE api_tokens (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id              uuid PRIMARY KEY,
    name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    prefix          text NOT NULL,
    secret_sha256   bytea NOT NULL UNIQUE CHECK (octet_length(secret_sha256) = 32),
    permissions     text[] NOT NULL,
    expires_at      timestamptz,
    last_used_at    timestamptz,
    created_by      uuid,
    created_at      timestamptz NOT NULL,
    UNIQUE (organization_id, id)
);
ALTER TABLE api_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON api_tokens TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON api_tokens TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON api_tokens TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON api_tokens TO mooring_app;
GRANT SELECT (organization_id, id, name, secret_sha256, permissions, expires_at, last_used_at) ON api_tokens TO mooring_system;
GRANT UPDATE (last_used_at) ON api_tokens TO mooring_system;
