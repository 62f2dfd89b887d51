-- Nothing to change: SQLite updates rows where they are. PostgreSQL leaves more room on the pages of `job`.
SELECT 1;
