-- The end of a maintenance as last told before it began. What is stored
-- already counted as announced in full and keeps doing so.
ALTER TABLE notice ADD COLUMN announced_end_ms INTEGER;
UPDATE notice SET announced_end_ms = ends_ms WHERE kind = 0;
