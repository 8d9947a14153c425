-- What a grant needs beside its tokens: which registration it was given to, and the redirect URI
-- that it was given through (GitLab wants it again with every refresh, and a worker does not know
-- where the API listens).

ALTER TABLE credentials
    -- NULL: the platform's registration, from the settings.
    ADD COLUMN provider_config_id uuid,
    ADD COLUMN oauth_client_id    text,
    ADD COLUMN oauth_redirect_uri text;
