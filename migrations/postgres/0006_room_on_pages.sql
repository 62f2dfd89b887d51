-- A job is updated once in its life, when it is claimed. With half of each page free that update finds room on its own page,
-- also when all jobs of the page are claimed at once, and no index has to point at a new place. SQLite has the same number and
-- nothing to change.
ALTER TABLE job SET (fillfactor = 45);
