-- Hooks of an organization that was deleted as a whole are taken away as the platform's.

ALTER TABLE hook_removals
    -- The organization that the token is sealed for, where that is gone.
    ADD COLUMN former_organization_id uuid,
    -- Whose certificates are trusted at the instance, where the organization that named them is gone.
    ADD COLUMN ca_certificate text;
