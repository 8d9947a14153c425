-- When what hooks have sent is looked through at the provider, and hooks whose connection is gone.

ALTER TABLE webhook_sources
    -- From then on something may have been missed; NULL where nothing was. Cleared by the look that was
    -- asked for then and by no older one.
    ADD COLUMN look_since timestamptz,
    ADD COLUMN look_reason text CHECK (look_reason IN ('downtime', 'refused', 'failing', 'silent')),
    ADD COLUMN look_asked_at timestamptz,
    -- When it was last asked how the hooks stand at the provider: once a day.
    ADD COLUMN check_asked_at timestamptz;
UPDATE webhook_sources SET check_asked_at = created_at WHERE registered;
CREATE INDEX webhook_sources_registered ON webhook_sources (id) WHERE registered;
CREATE INDEX webhook_sources_look ON webhook_sources (id) WHERE look_since IS NOT NULL AND registered;
CREATE INDEX webhook_sources_check ON webhook_sources (check_asked_at, id) WHERE registered;
GRANT UPDATE (look_since, look_reason, look_asked_at, check_asked_at) ON webhook_sources TO mooring_system;

ALTER TABLE repository_hooks
    -- When the provider was last asked how the hook stands.
    ADD COLUMN standing_at timestamptz,
    -- Up to when its list of deliveries was looked through.
    ADD COLUMN listed_until timestamptz;

-- Until when somebody could take deliveries: one row, moved by every process that serves them.
CREATE TABLE intake_presence (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    alive_at timestamptz NOT NULL
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON intake_presence TO mooring_system;

-- Stretches of time in which nobody could, until every registered hook is marked for a look.
CREATE TABLE intake_absences (
    id       uuid PRIMARY KEY,
    from_at  timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    -- Sources up to this one are marked.
    marked   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);
GRANT SELECT, INSERT, UPDATE, DELETE ON intake_absences TO mooring_system;

-- Hooks that stand at the provider though their connection is gone, with the credential that takes them
-- away: sealed as the connection's, whose id this is. A day at most.
CREATE TABLE hook_removals (
    organization_id    uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id                 uuid PRIMARY KEY,
    provider           text NOT NULL CHECK (provider IN ('github', 'gitlab', 'bitbucket', 'azure_devops')),
    base_url           text NOT NULL,
    auth_method        text NOT NULL,
    username           text,
    azure_organization text,
    account_id         text,
    access_token       bytea NOT NULL,
    -- Each with the repository's id and name, and where it delivers.
    hooks              json NOT NULL,
    created_at         timestamptz NOT NULL
);
CREATE INDEX hook_removals_organization ON hook_removals (organization_id);
CREATE INDEX hook_removals_old ON hook_removals (created_at, id);
ALTER TABLE hook_removals ENABLE ROW LEVEL SECURITY;
ALTER TABLE hook_removals FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON hook_removals TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON hook_removals TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON hook_removals TO mooring_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON hook_removals TO mooring_app;
GRANT SELECT (organization_id, id, created_at), DELETE ON hook_removals TO mooring_system;
