-- The marker of an organisation says that its books are whole, from a moment on. Where it is missing nothing is permitted.
-- KEYS 1 marker; ARGV 1 ms for which to stay closed (0: open, unless another orchestrator has closed it), 2 the longest that it is ever
-- closed: a marker that lies further ahead was written before the clock was set back.
local closed_until = tonumber(redis.call('GET', KEYS[1]) or 0)
local now, close_ms = clock(), tonumber(ARGV[1])
closed_until = math.min(closed_until, now + tonumber(ARGV[2]))
if close_ms > 0 then closed_until = math.max(closed_until, now + close_ms) end
redis.call('SET', KEYS[1], closed_until)
return closed_until
