-- What a level counts at this moment. KEYS 1 log, 2 sum; of a Claw also 3 queue, 4 leases; ARGV 1 life of the books in ms.
-- Answers: tokens, requests, waiting.
local level = level_of(KEYS[1], KEYS[2])
local now = open_books({ level })
drop_expired(level, now)
close_books({ level }, now, ARGV[1])
local waiting = KEYS[4] and redis.call('ZCOUNT', KEYS[4], string.format('(%.0f', now), '+inf') or 0
return { level.tokens, level.requests, waiting }
