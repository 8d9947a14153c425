-- The activity log: append-only, written in the transaction of the change with a MAC of its own
-- content; one sealer per organization gives sequence and hash in batches (see flows::audit).

CREATE TABLE activity (
    organization_id uuid NOT NULL REFERENCES organizations,
    id              uuid PRIMARY KEY,
    sequence        bigint,
    event           text NOT NULL,
    actor_id        uuid,
    actor_type      text NOT NULL,
    actor_name      text,
    subject_type    text NOT NULL,
    subject_id      uuid,
    subject_name    text,
    metadata        jsonb NOT NULL,
    request_id      text,
    ip              text,
    created_at      timestamptz NOT NULL,
    key_id          text NOT NULL,
    mac             bytea NOT NULL CHECK (octet_length(mac) = 32),
    hash            bytea CHECK (octet_length(hash) = 32),
    CHECK ((sequence IS NULL) = (hash IS NULL)),
    UNIQUE (organization_id, sequence)
);
CREATE INDEX activity_list ON activity (organization_id, id);
CREATE INDEX activity_subject ON activity (organization_id, subject_id, id);
CREATE INDEX activity_unsealed ON activity (organization_id, id) WHERE sequence IS NULL;
ALTER TABLE activity ENABLE ROW LEVEL SECURITY;
ALTER TABLE activity FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON activity TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON activity TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON activity TO mooring_system USING (true);
-- Append-only: the application may seal an entry and, when its organization ends, move the chain
-- to the archive; it may change nothing that the MAC covers.
GRANT SELECT, INSERT, DELETE ON activity TO mooring_app;
GRANT UPDATE (sequence, hash) ON activity TO mooring_app;
-- What waits to be sealed, and that something happened; not what.
GRANT SELECT (organization_id, id, event, sequence) ON activity TO mooring_system;

-- The head of each chain, kept apart from the entries and under the same key.
CREATE TABLE activity_heads (
    organization_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    entries         bigint NOT NULL,
    hash            bytea NOT NULL CHECK (octet_length(hash) = 32),
    key_id          text NOT NULL,
    mac             bytea NOT NULL CHECK (octet_length(mac) = 32),
    sealed_at       timestamptz NOT NULL
) WITH (fillfactor = 70);
ALTER TABLE activity_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE activity_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON activity_heads TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON activity_heads TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON activity_heads TO mooring_app;

-- Chains of organizations that are gone, whole and in order, owned by the platform.
CREATE TABLE activity_archive (
    organization_id       uuid NOT NULL REFERENCES organizations,
    chain_organization_id uuid NOT NULL,
    sequence              bigint NOT NULL,
    entry                 jsonb NOT NULL,
    key_id                text NOT NULL,
    mac                   bytea NOT NULL,
    hash                  bytea NOT NULL,
    archived_at           timestamptz NOT NULL,
    PRIMARY KEY (organization_id, chain_organization_id, sequence)
);
ALTER TABLE activity_archive ENABLE ROW LEVEL SECURITY;
ALTER TABLE activity_archive FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON activity_archive TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON activity_archive TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT ON activity_archive TO mooring_app;
