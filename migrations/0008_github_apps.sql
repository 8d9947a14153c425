-- Connections by installations of GitHub Apps.

-- An App's and an installation's numbers are an instance's own. One connection per installation and
-- organization; and, over all organizations, whether an installation is anybody's.
CREATE UNIQUE INDEX connections_installation
    ON connections (github_app_installation_id, github_app_id, base_url, organization_id)
    WHERE auth_method = 'github_app';
ALTER TABLE connections ADD CONSTRAINT connections_names_installation CHECK (
    auth_method <> 'github_app'
    OR (github_app_id IS NOT NULL AND github_app_installation_id IS NOT NULL));
-- Whether an installation is bound by another organization is asked before it is bound without the
-- word of its account.
GRANT SELECT (auth_method, base_url, github_app_id, github_app_installation_id) ON connections TO mooring_system;

-- What an installation that was begun is of, and, once a browser has named one, which: it goes on to
-- say who it is.
ALTER TABLE oauth_states
    ADD COLUMN github_app_id bigint,
    ADD COLUMN github_app_installation_id bigint;
