-- Answers to changing calls, kept for 24 hours under the caller's key. `organization_id` is the
-- tenant of the call (the platform's for calls without one); no secret is ever in `body`.

CREATE TABLE idempotency_keys (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    caller_id       uuid NOT NULL,
    key             text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    request_hash    bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    -- NULL while the first call is under way; then whoever comes second is told to wait.
    status          smallint,
    headers         jsonb,
    body            bytea,
    locked_until    timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, caller_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON idempotency_keys TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON idempotency_keys TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON idempotency_keys TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO mooring_app;
GRANT SELECT (organization_id, caller_id, key, created_at), DELETE ON idempotency_keys TO mooring_system;
