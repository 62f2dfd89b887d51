-- Lets the puts of one tenant take turns until the end of the transaction, so that their number stays within its limit. Nothing
-- changes in the row, and no key of it, so submits do not wait. No row: there is no such tenant.
UPDATE tenant SET created_at_ms = created_at_ms WHERE id = $1
