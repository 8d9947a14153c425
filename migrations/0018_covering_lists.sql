-- Lists of repositories find their page in the index alone: what they are narrowed by stands beside the
-- key, so that a search for a word which few names have reads the tenant's names, and not a million rows
-- of the table for five of them. Only the rows of the page are fetched.
--
-- None of these columns is part of a key, and none changes with a push: an update of a push stays within
-- its block and touches no index, as before.
CREATE INDEX repositories_by_name_covering ON repositories (organization_id, full_name, id)
    INCLUDE (connection_id, provider, language, archived) WHERE removed_at IS NULL;
DROP INDEX repositories_by_name;
ALTER INDEX repositories_by_name_covering RENAME TO repositories_by_name;

CREATE INDEX repositories_by_connection_covering ON repositories (organization_id, connection_id, full_name, id)
    INCLUDE (provider, language, archived) WHERE removed_at IS NULL;
DROP INDEX repositories_by_connection;
ALTER INDEX repositories_by_connection_covering RENAME TO repositories_by_connection;

CREATE INDEX repositories_removed_covering ON repositories (organization_id, full_name, id)
    INCLUDE (connection_id, provider, language, archived) WHERE removed_at IS NOT NULL;
DROP INDEX repositories_removed;
ALTER INDEX repositories_removed_covering RENAME TO repositories_removed;

-- Of no use to anybody: under row-level security lower() is never looked up, for it is not leakproof.
DROP INDEX repositories_name;
