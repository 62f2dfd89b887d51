-- The time of the database as an expression that is planned with the statement it stands in. A function in SQL is planned anew by
-- every statement that calls it, which took 0.23 of the 0.53 ms of an append's statement. It is still the time of the call.
-- Expands: processes of the release before call the function, which goes a release later.
CREATE OR REPLACE VIEW errand_now AS
SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) + offset_ms AS now_ms FROM clock WHERE id = 1;
