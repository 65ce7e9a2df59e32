-- What a level counts at this moment. KEYS 1 base of the level; ARGV 1 life of the books in ms.
-- Answers: tokens, requests, calls waiting (of a Claw).
local level, line = level_of(KEYS[1]), line_of(KEYS[1])
local now = open_books({ level })
drop_expired(level, now)
close_books({ level }, now, ARGV[1])
return { level.tokens, level.requests, redis.call('ZCOUNT', line.leases, string.format('(%.0f', now), '+inf') }
