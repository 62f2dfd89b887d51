-- Moves the database's time by $1 milliseconds. For tests.
UPDATE clock SET offset_ms = offset_ms + $1
