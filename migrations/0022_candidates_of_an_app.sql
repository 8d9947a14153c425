-- Which hooks of connections a delivery to an App may be of, without a walk through all of its installations.

ALTER TABLE webhook_sources
    -- Of a connection by an installation of an App.
    ADD COLUMN github_app_id bigint;
UPDATE webhook_sources s SET github_app_id = c.github_app_id FROM connections c
WHERE c.organization_id = s.organization_id AND c.id = s.id AND c.auth_method = 'github_app';
CREATE INDEX webhook_sources_app ON webhook_sources (github_app_id, id) WHERE github_app_id IS NOT NULL;

CREATE FUNCTION webhook_source_names_its_app() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    NEW.github_app_id := (SELECT c.github_app_id FROM connections c
        WHERE c.organization_id = NEW.organization_id AND c.id = NEW.id AND c.auth_method = 'github_app');
    RETURN NEW;
END $$;
CREATE TRIGGER names_its_app BEFORE INSERT ON webhook_sources
    FOR EACH ROW EXECUTE FUNCTION webhook_source_names_its_app();
