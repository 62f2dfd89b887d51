-- The tenant of a name.
SELECT id FROM tenant WHERE name = $1
