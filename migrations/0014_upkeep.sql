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

-- A renewal moves a connection's date and must move no entry of an index: thousands are renewed at
-- once. So the index of tokens that rotate themselves reads a column that other connections do not
-- have, and rows have room to be changed in place.
DROP INDEX connections_rotating;
ALTER TABLE connections
    ADD COLUMN rotating_end timestamptz GENERATED ALWAYS AS
        (CASE WHEN auto_rotate AND is_active AND status = 'active' THEN token_expires_at END) STORED;
CREATE INDEX connections_rotating ON connections (rotating_end, id) WHERE rotating_end IS NOT NULL;
GRANT SELECT (rotating_end) ON connections TO mooring_system;
ALTER TABLE connections SET (fillfactor = 80);
ALTER TABLE credentials SET (fillfactor = 80);

-- Chains of many organizations are sealed together: what the MACs cover is neither read nor changed
-- across tenants.
GRANT SELECT (key_id, mac), UPDATE (sequence, hash) ON activity TO mooring_system;
GRANT SELECT, INSERT, UPDATE ON activity_heads TO mooring_system;
CREATE POLICY system ON activity_heads TO mooring_system USING (true);

-- What is not sealed has no place in the chain, and none in the index of places.
ALTER TABLE activity DROP CONSTRAINT activity_organization_id_sequence_key;
CREATE UNIQUE INDEX activity_chain ON activity (organization_id, sequence) WHERE sequence IS NOT NULL;

-- The sweep of due tokens reads nothing but its index.
DROP INDEX credentials_due;
CREATE INDEX credentials_due ON credentials (next_refresh_at, connection_id) INCLUDE (organization_id)
    WHERE next_refresh_at IS NOT NULL;
