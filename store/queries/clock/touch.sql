-- Writes a row as it is, to find out whether writes work.
UPDATE clock SET offset_ms = offset_ms
