-- A run that brings hooks in line goes on where the one before it was held back.

ALTER TABLE repository_hooks
    -- The secret that the hook was last given, or refused to take; NULL where it is to be put right again,
    -- whatever was said of it before.
    ADD COLUMN secret_id uuid;
