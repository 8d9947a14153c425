-- Webhooks in: who may send them, and the inbox.

-- What deliveries come from: the hook of a connection, or a GitHub App (by its registration, or by the
-- platform's settings). Rows of Apps are made when there is something to note of them.
CREATE TABLE webhook_sources (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    -- The connection's id, the registration's, or one that follows from the App's number.
    id              uuid PRIMARY KEY,
    connection_id   uuid,
    -- Deliveries are known to carry a signature (Standard Webhooks): one without is refused.
    signs           boolean NOT NULL DEFAULT false,
    -- The hook is kept installed at the provider, on every connected repository.
    registered      boolean NOT NULL DEFAULT false,
    -- When bytes that were there already came under another id, at most once a minute.
    sync_wanted_at  timestamptz,
    created_at      timestamptz NOT NULL,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
ALTER TABLE webhook_sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_sources FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON webhook_sources TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON webhook_sources TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON webhook_sources TO mooring_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_sources TO mooring_app;
GRANT SELECT ON webhook_sources TO mooring_system;
GRANT INSERT (organization_id, id, sync_wanted_at, created_at) ON webhook_sources TO mooring_system;
GRANT UPDATE (sync_wanted_at) ON webhook_sources TO mooring_system;

-- What deliveries to a connection are verified with, sealed. The newest one has no end; the ones before
-- it verify for a day more.
CREATE TABLE webhook_secrets (
    organization_id uuid NOT NULL,
    id              uuid PRIMARY KEY,
    connection_id   uuid NOT NULL,
    secret          bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    ends_at         timestamptz,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX webhook_secrets_current ON webhook_secrets (organization_id, connection_id) WHERE ends_at IS NULL;
CREATE INDEX webhook_secrets_connection ON webhook_secrets (organization_id, connection_id, id);
ALTER TABLE webhook_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON webhook_secrets TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON webhook_secrets TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_secrets TO mooring_app;

-- The inbox: every delivery whose signature held, as it came.
--
-- No foreign keys: a check of one locks the parent's row in every batch, and the job that handles a
-- delivery looks anew at whose it is. Whoever deletes an organization deletes its deliveries.
-- No index speaks of `status`, so that handling one changes no index (a HOT update).
CREATE TABLE webhook_deliveries (
    organization_id uuid NOT NULL,
    -- Also the id of the job that handles it first.
    id              uuid NOT NULL,
    source_id       uuid NOT NULL,
    -- Whose hook it is; of an App's, the one connection that it reached, once that is known.
    connection_id   uuid,
    app_id          bigint,
    received_at     timestamptz NOT NULL,
    handled_at      timestamptz,
    -- 0 accepted, 1 handled, 2 ignored, 3 failed
    status          smallint NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 3),
    duplicates      integer NOT NULL DEFAULT 0,
    -- Whether its id is covered by the signature, or is part of the body.
    id_signed       boolean NOT NULL,
    -- Fetched from the provider's list of deliveries, since it never arrived.
    recovered       boolean NOT NULL DEFAULT false,
    provider        text NOT NULL CHECK (provider IN ('github', 'gitlab', 'bitbucket', 'azure_devops')),
    event           text NOT NULL CHECK (octet_length(event) <= 400),
    action          text CHECK (octet_length(action) <= 400),
    delivery_id     text NOT NULL CHECK (octet_length(delivery_id) BETWEEN 1 AND 400),
    reason          text,
    body_sha256     bytea NOT NULL CHECK (octet_length(body_sha256) = 32),
    -- What came of it.
    effects         json,
    -- Without signatures and secrets.
    headers         json NOT NULL,
    body            bytea NOT NULL,
    PRIMARY KEY (organization_id, id)
) WITH (fillfactor = 85, autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0.1);
CREATE UNIQUE INDEX webhook_deliveries_repeat ON webhook_deliveries (source_id, delivery_id, body_sha256);
-- The same bytes under another id, where anybody who has seen them can send them under any.
CREATE UNIQUE INDEX webhook_deliveries_bytes ON webhook_deliveries (source_id, body_sha256) WHERE NOT id_signed;
CREATE INDEX webhook_deliveries_connection ON webhook_deliveries (organization_id, connection_id, id)
    WHERE connection_id IS NOT NULL;
-- lz4 where the server has it: a third of the work of a commit is compressing bodies.
DO $$ BEGIN
    EXECUTE 'ALTER TABLE webhook_deliveries ALTER COLUMN body SET COMPRESSION lz4';
EXCEPTION WHEN syntax_error OR feature_not_supported THEN
    RAISE DEBUG 'no lz4 on this server';
END $$;
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON webhook_deliveries TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON webhook_deliveries TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON webhook_deliveries TO mooring_system USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE, DELETE ON webhook_deliveries TO mooring_app;
GRANT INSERT, DELETE ON webhook_deliveries TO mooring_system;
GRANT SELECT (organization_id, id, source_id, connection_id, received_at, status, id_signed, provider, delivery_id,
    body_sha256, duplicates) ON webhook_deliveries TO mooring_system;
GRANT UPDATE (duplicates) ON webhook_deliveries TO mooring_system;

-- Which registrations and pasted keys an App's delivery may be of, before its secret says so.
ALTER TABLE provider_configs
    ADD COLUMN verifies_webhooks boolean NOT NULL GENERATED ALWAYS AS
        (github_app_id IS NOT NULL AND webhook_secret IS NOT NULL) STORED;
CREATE INDEX provider_configs_app ON provider_configs (github_app_id, id) WHERE verifies_webhooks;
GRANT SELECT (organization_id, id, github_app_id, verifies_webhooks) ON provider_configs TO mooring_system;
CREATE INDEX connections_app ON connections (github_app_id, id) WHERE auth_method = 'github_app';
GRANT SELECT (provider, account_id, auth_method, github_app_id) ON connections TO mooring_system;
-- Whose consent a person has taken back, who is known by an account at an instance alone.
CREATE INDEX connections_account ON connections (account_id, base_url, id)
    WHERE auth_method = 'oauth' AND provider = 'github';

-- As of which moment at the provider a webhook left a repository, and the change that this was: an older
-- event never undoes a newer state.
ALTER TABLE repositories
    ADD COLUMN event_at timestamptz,
    ADD COLUMN event_applied_at timestamptz;
-- The same for the state of an installation.
ALTER TABLE connections ADD COLUMN installation_event_at timestamptz;

-- Where branches and pull requests of connected repositories stood when something was last told of
-- them, so that a push that comes late tells of nothing that is over.
CREATE TABLE event_marks (
    organization_id        uuid NOT NULL,
    connection_id          uuid NOT NULL,
    provider_repository_id text NOT NULL,
    -- `refs/heads/…` or `pull/…`.
    topic                  text NOT NULL,
    -- The commit then, and the one before; NULL for a branch that was not there.
    sha                    text,
    sha_before             text,
    -- As of when, by the provider's clock where it tells.
    at                     timestamptz NOT NULL,
    PRIMARY KEY (organization_id, connection_id, provider_repository_id, topic),
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
ALTER TABLE event_marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_marks FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON event_marks TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON event_marks TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON event_marks TO mooring_app;
