-- More time for a call whose request is on its way: from now on it counts as if it were permitted now, and it counted until now. So there is no moment between
-- its permit and its new end in which it does not count, and nobody else can have been given its room.
--
-- KEYS  1 marker  2 call
-- ARGV  1 longest time until sending  2 life of an entry after its sending; then see steady.lua
-- Answers: { ms left for sending (0: it gets none), Redis' time in ms }
local send_within, entry = tonumber(ARGV[1]), tonumber(ARGV[2])

local marked, record = redis.call('GET', KEYS[1]), record_of(KEYS[2])
if not marked or not record or record.sent or record.settled then return { 0, clock() } end

local now, clock_now = open_books(record.levels)
if not is_steady(clock_now) or clock_now < tonumber(marked) or record.expires <= now then return { 0, clock_now } end
for _, level in ipairs(record.levels) do
  -- Books that were dropped since: what it counted may have been given to others.
  if not redis.call('ZSCORE', level.log, member_of(record.ref, record.tokens, record.requests)) then return { 0, clock_now } end
end

local expires = now + send_within + entry
for _, level in ipairs(record.levels) do
  drop_expired(level, now)
  take(level, record.ref, record.tokens, record.requests)
  put(level, record.ref, record.tokens, record.requests, expires)
end
redis.call('HSET', KEYS[2], 'expires', expires, 'due', now + send_within)
close_books(record.levels, now, 4 * (send_within + entry))
return { send_within, clock_now }
