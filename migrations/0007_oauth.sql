-- Registrations that an organization (or the platform) has made at a provider, consent flows under
-- way, and how often somebody did something lately.

-- One per instance of a provider. The three secrets are sealed; a certificate is none.
CREATE TABLE provider_configs (
    organization_id          uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id                       uuid PRIMARY KEY,
    provider                 text NOT NULL CHECK (provider IN ('github', 'gitlab', 'bitbucket', 'azure_devops')),
    base_url                 text NOT NULL,
    client_id                text CHECK (char_length(client_id) BETWEEN 1 AND 255),
    client_secret            bytea,
    client_secret_expires_at timestamptz,
    scopes                   text[],
    github_app_id            bigint CHECK (github_app_id > 0),
    github_app_slug          text CHECK (char_length(github_app_slug) BETWEEN 1 AND 100),
    github_app_private_key   bytea,
    webhook_secret           bytea,
    ca_certificate           text,
    -- Who saved it last.
    configured_by            uuid,
    created_at               timestamptz NOT NULL,
    updated_at               timestamptz NOT NULL,
    CHECK ((client_id IS NULL) = (client_secret IS NULL)),
    CHECK ((github_app_id IS NULL) = (github_app_private_key IS NULL)),
    UNIQUE (organization_id, provider, base_url),
    UNIQUE (organization_id, id)
);
ALTER TABLE provider_configs ENABLE ROW LEVEL SECURITY;
ALTER TABLE provider_configs FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON provider_configs TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON provider_configs TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON provider_configs TO mooring_app;

-- A consent (or an installation) that was begun and whose browser has not come back. What the
-- state in the URL claims is compared with this row; the row is used up before the code is
-- exchanged. No foreign keys to what it points at: a registration or connection that is gone by
-- then is found when it is read, and has a message of its own.
CREATE TABLE oauth_states (
    organization_id    uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id                 uuid PRIMARY KEY,
    purpose            text NOT NULL CHECK (purpose IN ('oauth', 'installation')),
    provider           text NOT NULL CHECK (provider IN ('github', 'gitlab', 'bitbucket', 'azure_devops')),
    base_url           text NOT NULL,
    -- The registration: NULL is the platform's, from the settings.
    provider_config_id uuid,
    client_id          text,
    redirect_uri       text NOT NULL,
    -- Sealed: who reads the database and sees the code still cannot exchange it.
    verifier           bytea,
    -- Where the browser is sent in the end.
    redirect_url       text,
    -- The browser that began it; demanded where a session of the web interface did.
    cookie_sha256      bytea NOT NULL CHECK (octet_length(cookie_sha256) = 32),
    cookie_required    boolean NOT NULL,
    -- The connection to heal.
    connection_id      uuid,
    -- Who began it, in whose name the connection is made.
    actor_id           uuid,
    actor_type         text NOT NULL,
    actor_name         text,
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    consumed_at        timestamptz,
    UNIQUE (organization_id, id)
);
CREATE INDEX oauth_states_age ON oauth_states (expires_at);
ALTER TABLE oauth_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_states FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON oauth_states TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON oauth_states TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON oauth_states TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_states TO mooring_app;
-- The sweep deletes what has ended; it reads nothing else.
GRANT SELECT (id, expires_at), DELETE ON oauth_states TO mooring_system;

-- When a caller last did what has a limit of its own, across all processes: a row per caller and
-- purpose, with as many times as the limit allows. The rows are the platform's, since a caller is
-- counted once wherever they call.
CREATE TABLE call_windows (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    purpose         text NOT NULL,
    caller_id       uuid NOT NULL,
    calls           timestamptz[] NOT NULL,
    PRIMARY KEY (organization_id, purpose, caller_id)
);
ALTER TABLE call_windows ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_windows FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON call_windows TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON call_windows TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON call_windows TO mooring_app;

-- Which connection an OAuth account is, when its consent comes back.
CREATE INDEX connections_oauth_account ON connections (organization_id, provider, base_url, account_id)
    WHERE auth_method = 'oauth';
