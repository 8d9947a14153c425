-- Repositories are written a hundred at a time, and a foreign key asks for its parent row by row: a third of
-- the work of a page. Here one statement is one question, with the same promise: no row without its parent,
-- and none is left behind.

ALTER TABLE repositories DROP CONSTRAINT repositories_organization_id_connection_id_fkey;
-- Nothing refers to it, and the key finds by the id alone.
ALTER TABLE repositories DROP CONSTRAINT repositories_organization_id_id_key;
ALTER TABLE application_profiles DROP CONSTRAINT application_profiles_repository_id_fkey;
-- Events are told and forgotten within days; whoever deletes an organization deletes them.
ALTER TABLE outbox_events DROP CONSTRAINT outbox_events_organization_id_fkey;

-- A connection that is being deleted meanwhile is waited for, as by a foreign key.
CREATE FUNCTION repositories_have_their_connection() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM (SELECT DISTINCT organization_id, connection_id FROM added) a
    WHERE NOT EXISTS (SELECT FROM connections c
        WHERE c.organization_id = a.organization_id AND c.id = a.connection_id FOR KEY SHARE);
    IF FOUND THEN
        RAISE foreign_key_violation USING MESSAGE = 'a repository names a connection that is not there';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER has_connection AFTER INSERT ON repositories REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION repositories_have_their_connection();

CREATE FUNCTION forget_repositories_of_connections() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM repositories r USING gone g
    WHERE r.organization_id = g.organization_id AND r.connection_id = g.id;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_repositories AFTER DELETE ON connections REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION forget_repositories_of_connections();

CREATE FUNCTION forget_profiles_of_repositories() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM application_profiles p USING gone g WHERE p.repository_id = g.id;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_profiles AFTER DELETE ON repositories REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION forget_profiles_of_repositories();

-- Nobody searches in what is told: it is kept as it was written, and read by no one but its receiver.
ALTER TABLE outbox_events ALTER COLUMN data TYPE json;
