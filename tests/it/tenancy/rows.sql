-- One row in every tenant table, for {organization}, with {text} wherever a text may be.
INSERT INTO organization_counters (organization_id) VALUES ({organization}) ON CONFLICT DO NOTHING;
INSERT INTO members (organization_id, user_id, role, name, email, created_at, updated_at)
VALUES ({organization}, gen_random_uuid(), 'owner', {text}, {text}, now(), now());
INSERT INTO api_tokens (organization_id, id, name, prefix, secret_sha256, permissions, created_at)
VALUES ({organization}, gen_random_uuid(), {text}, {text}, sha256({organization}::text::bytea), ARRAY[{text}], now());
INSERT INTO connections (organization_id, id, name, description, provider, base_url, auth_method, status,
    health_code, health_since, created_at, updated_at)
VALUES ({organization}, {organization}, {text}, {text}, 'github', {text}, 'pat', 'active', 'ok', now(), now(), now());
INSERT INTO credentials (organization_id, connection_id, access_token, obtained_at, updated_at)
VALUES ({organization}, {organization}, {text}::bytea, now(), now());
INSERT INTO token_refreshes (organization_id, connection_id, id, fence, version, presentation, reason, holder,
    started_at, outcome, code, detail)
VALUES ({organization}, {organization}, {organization}, 1, 1, 1, 'sweep', {text}, now(), 'in_flight', {text}, {text});
INSERT INTO token_rotations (organization_id, connection_id, id, version, holder, started_at, outcome, detail)
VALUES ({organization}, {organization}, {organization}, 1, {text}, now(), 'in_flight', {text});
INSERT INTO credential_leases (organization_id, id, connection_organization_id, connection_id, credential_version,
    purpose, repository, created_by_name, created_at, ends_at)
VALUES ({organization}, {organization}, {organization}, {organization}, 1, {text}, {text}, {text}, now(), now());
INSERT INTO repositories (organization_id, id, connection_id, provider_repository_id, provider, name, full_name,
    url, clone_url, private, archived, fork, first_seen_at, last_changed_at)
VALUES ({organization}, {organization}, {organization}, {text}, 'github', {text}, {text}, {text}, {text}, true, false, false, now(), now());
INSERT INTO sync_runs (organization_id, id, connection_id, trigger, status, error_message, started_at)
VALUES ({organization}, {organization}, {organization}, 'manual', 'running', {text}, now());
INSERT INTO sync_pages (organization_id, run_id, page, cursor, repository_ids)
VALUES ({organization}, {organization}, 0, {text}, ARRAY[{text}]);
INSERT INTO page_etags (organization_id, connection_id, cursor, reading, credential_version, page, etag,
    repository_ids, next, stored_at)
VALUES ({organization}, {organization}, {text}, 1, 1, 0, {text}, ARRAY[{text}], {text}, now());
INSERT INTO turns (organization_id, connection_id, kind, last_at)
VALUES ({organization}, {organization}, 'sync', now());
INSERT INTO application_profiles (organization_id, repository_id, app_type)
VALUES ({organization}, {organization}, {text});
INSERT INTO outbox_events (organization_id, id, type, data, created_at)
VALUES ({organization}, {organization}, {text}, jsonb_build_object('full_name', {text}), now());
INSERT INTO connected_repositories (organization_id, id, connection_organization_id, connection_id, provider,
    provider_repository_id, full_name, sast_enabled, sca_enabled, created_at, updated_at)
VALUES ({organization}, {organization}, {organization}, {organization}, 'github', {text}, {text}, true, true, now(), now());
INSERT INTO activity (organization_id, id, event, actor_type, actor_name, subject_type, subject_name, metadata,
    created_at, key_id, mac)
VALUES ({organization}, gen_random_uuid(), {text}, 'user', {text}, {text}, {text}, '{}', now(), {text}, sha256('x'));
INSERT INTO activity_heads (organization_id, entries, hash, key_id, mac, sealed_at)
VALUES ({organization}, 0, sha256('x'), {text}, sha256('x'), now());
INSERT INTO idempotency_keys (organization_id, caller_id, key, request_hash, status, body, locked_until, created_at)
VALUES ({organization}, {organization}, {text}, sha256('x'), 200, {text}::bytea, now(), now());
INSERT INTO jobs (organization_id, id, kind, priority, max_attempts, run_at, created_at, payload)
VALUES ({organization}, {organization}, {text}, 0, 1, now(), now(), '{}');
INSERT INTO provider_configs (organization_id, id, provider, base_url, client_id, client_secret, scopes,
    ca_certificate, created_at, updated_at)
VALUES ({organization}, {organization}, 'github', {text}, {text}, {text}::bytea, ARRAY[{text}], {text}, now(), now());
INSERT INTO oauth_states (organization_id, id, purpose, provider, base_url, client_id, redirect_uri, verifier,
    redirect_url, cookie_sha256, cookie_required, actor_type, actor_name, created_at, expires_at)
VALUES ({organization}, {organization}, 'oauth', 'github', {text}, {text}, {text}, {text}::bytea, {text},
    sha256('x'), false, 'user', {text}, now(), now());
INSERT INTO call_windows (organization_id, purpose, caller_id, calls)
VALUES ({organization}, {text}, {organization}, ARRAY[now()]);
INSERT INTO webhook_sources (organization_id, id, connection_id, created_at)
VALUES ({organization}, {organization}, {organization}, now());
INSERT INTO webhook_secrets (organization_id, id, connection_id, secret, created_at)
VALUES ({organization}, {organization}, {organization}, {text}::bytea, now());
INSERT INTO webhook_deliveries (organization_id, id, source_id, received_at, id_signed, provider, event, delivery_id,
    reason, body_sha256, headers, body)
VALUES ({organization}, {organization}, {organization}, now(), false, 'github', {text}, {text}, {text}, sha256('x'),
    json_build_object('x', {text}), {text}::bytea);
INSERT INTO event_marks (organization_id, connection_id, provider_repository_id, topic, sha, at)
VALUES ({organization}, {organization}, {text}, {text}, {text}, now());
INSERT INTO repository_hooks (organization_id, connection_id, provider_repository_id, full_name, url, error_message, checked_at)
VALUES ({organization}, {organization}, {text}, {text}, {text}, {text}, now());
INSERT INTO hook_removals (organization_id, id, provider, base_url, auth_method, access_token, hooks, created_at)
VALUES ({organization}, {organization}, 'github', {text}, 'pat', {text}::bytea, json_build_array({text}), now());
