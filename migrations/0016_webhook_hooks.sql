-- Hooks that are kept installed at the provider, and what an App's list of deliveries has shown.

ALTER TABLE webhook_sources
    -- Where its hook delivers, as it is told to the provider.
    ADD COLUMN url text,
    -- Up to when the provider's list of deliveries was looked through.
    ADD COLUMN checked_until timestamptz,
    -- Deliveries that were found missing and fetched, in all.
    ADD COLUMN recovered integer NOT NULL DEFAULT 0,
    -- The last stretch of time that no list tells of any more: a sync stood in for it.
    ADD COLUMN gap_from timestamptz,
    ADD COLUMN gap_until timestamptz;
GRANT UPDATE (checked_until, recovered, gap_from, gap_until) ON webhook_sources TO mooring_system;
GRANT INSERT (checked_until) ON webhook_sources TO mooring_system;

CREATE TABLE repository_hooks (
    organization_id        uuid NOT NULL,
    connection_id          uuid NOT NULL,
    provider_repository_id text NOT NULL,
    full_name              text NOT NULL,
    url                    text NOT NULL,
    -- The provider's; NULL until it was installed.
    hook_id                text,
    -- Why it is not as it should be.
    error_code             text,
    error_message          text,
    checked_at             timestamptz NOT NULL,
    PRIMARY KEY (organization_id, connection_id, provider_repository_id),
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
ALTER TABLE repository_hooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE repository_hooks FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON repository_hooks TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON repository_hooks TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON repository_hooks TO mooring_app;
