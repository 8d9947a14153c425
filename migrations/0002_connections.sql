-- Connections and their credentials. A connection is its public face and is listed; the
-- credential is its secret and is only ever opened by id.

CREATE TABLE connections (
    organization_id     uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id                  uuid PRIMARY KEY,
    allow_org_usage     boolean NOT NULL DEFAULT false,
    name                text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    description         text,
    provider            text NOT NULL CHECK (provider IN ('github', 'gitlab', 'bitbucket', 'azure_devops')),
    base_url            text NOT NULL,
    azure_organization  text,
    auth_method         text NOT NULL CHECK (auth_method IN ('pat', 'gitlab_token', 'github_app', 'oauth')),
    status              text NOT NULL CHECK (status IN ('active', 'expired', 'revoked', 'error', 'disconnected')),
    health_code         text NOT NULL,
    health_since        timestamptz NOT NULL,
    health_action_url   text,
    is_active           boolean NOT NULL DEFAULT true,
    auto_rotate         boolean NOT NULL DEFAULT false,
    username            text,
    account_id          text,
    account_login       text,
    account_type        text,
    account_display_name text,
    account_avatar_url  text,
    scopes              text[],
    missing_scopes      text[] NOT NULL DEFAULT '{}',
    -- Copies of the credential's dates, written with it in one transaction: a list of connections
    -- must not touch the table of secrets.
    token_expires_at    timestamptz,
    refresh_token_expires_at timestamptz,
    last_refreshed_at   timestamptz,
    validated_at        timestamptz,
    validation_error    text,
    last_used_at        timestamptz,
    -- The end of the last run that went through, and of the last that saw everything.
    last_synced_at      timestamptz,
    last_complete_sync_at timestamptz,
    repository_count    integer NOT NULL DEFAULT 0 CHECK (repository_count >= 0),
    rate_limit          integer,
    rate_limit_remaining integer,
    rate_limit_reset_at timestamptz,
    github_app_id       bigint,
    github_app_installation_id bigint,
    created_by          uuid,
    created_by_name     text,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    -- Since when the row's own state asks for a job: a first sync, or a look whether the provider
    -- answers again. NULL where it asks for none, so that the sweep for stranded work reads these
    -- rows alone, and so that its index stands in the way of no update of all the others: a sync or
    -- a validation that goes well changes no indexed value.
    wanted_since        timestamptz GENERATED ALWAYS AS (CASE
        WHEN NOT is_active THEN NULL
        WHEN status = 'active' AND last_synced_at IS NULL THEN created_at
        WHEN status IN ('active', 'error') AND health_code IN ('unreachable', 'rate_limited')
            THEN COALESCE(validated_at, created_at)
        END) STORED,
    CHECK (NOT allow_org_usage OR organization_id = '00000000-0000-7000-8000-000000000001'),
    -- Lists: newest first, and by offset over this index alone.
    UNIQUE (organization_id, id)
) WITH (fillfactor = 80);
CREATE INDEX connections_active ON connections (organization_id, id) WHERE is_active;
CREATE INDEX connections_shared ON connections (organization_id, id) WHERE allow_org_usage;
CREATE INDEX connections_wanted ON connections (wanted_since, id) WHERE wanted_since IS NOT NULL;
ALTER TABLE connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE connections FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON connections TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON connections TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON connections TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON connections TO mooring_app;
GRANT SELECT (organization_id, id, is_active, status, validated_at, last_synced_at, wanted_since) ON connections TO mooring_system;

-- One per connection. `version` moves with every change of the secret (compare-and-set), `fence`
-- with every taker of a refresh; the lease runs on the database's clock.
CREATE TABLE credentials (
    organization_id   uuid NOT NULL,
    connection_id     uuid PRIMARY KEY,
    access_token      bytea,
    refresh_token     bytea,
    expires_at        timestamptz,
    refresh_expires_at timestamptz,
    next_refresh_at   timestamptz,
    version           bigint NOT NULL DEFAULT 1,
    fence             bigint NOT NULL DEFAULT 0,
    lease_until       timestamptz,
    obtained_at       timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX credentials_organization ON credentials (organization_id, connection_id);
ALTER TABLE credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON credentials TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON credentials TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials TO mooring_app;
