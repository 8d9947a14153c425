-- Warnings before the end of a client secret, as somebody noted it beside the registration: the same
-- steps as for credentials, beside the date, so that a date that moves begins anew by itself.
ALTER TABLE provider_configs
    -- The end that was last warned of, and the step (30, 14, 7, 1; 0 is the end itself).
    ADD COLUMN warned_end timestamptz,
    ADD COLUMN warned_days smallint,
    ADD COLUMN warn_at timestamptz GENERATED ALWAYS AS
        (next_warning(client_secret_expires_at, warned_end, warned_days)) STORED;
CREATE INDEX provider_configs_warn ON provider_configs (warn_at, id) WHERE warn_at IS NOT NULL;
GRANT SELECT (organization_id, id, warn_at) ON provider_configs TO mooring_system;
CREATE POLICY system ON provider_configs FOR SELECT TO mooring_system USING (true);
