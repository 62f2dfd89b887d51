-- Begins a transaction of commits: takes the write lock at once, and keeps the time that has been given out, so that a small step
-- back of the machine's clock stays hidden.
BEGIN IMMEDIATE;
UPDATE clock SET floor_ms = (SELECT now_ms FROM errand_now)
