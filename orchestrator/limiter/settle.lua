-- The call is over: what it took stands in place of its reservation, for as long as it counts. It is settled once.
--
-- KEYS  1 call
-- ARGV  1 tokens ('' = all that was reserved)  2 requests ('' = as permitted)  3 longest time until sending
--       4 life of an entry after its sending  5 life of the record of a settled call  6 channel
-- Answers: unknown | known | booked <tokens above the reservation>
local send_within, entry, keep, channel = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6]

local record = record_of(KEYS[1])
if not record then return { 'unknown' } end
if record.settled then return { 'known' } end

local tokens, requests = tonumber(ARGV[1]) or record.reserved, tonumber(ARGV[2]) or record.requests
local now = open_books(record.levels)
for _, level in ipairs(record.levels) do
  drop_expired(level, now)
  if take(level, record.ref, record.tokens, record.requests) then
    put(level, record.ref, tokens, requests, record.expires)
  end
  local late_ref = record.ref .. '#late'
  if record.late and take(level, late_ref, record.tokens, record.requests) then
    put(level, late_ref, tokens, requests, record.late)
  end
end

if record.sent then
  -- Nothing moves its charge any more. What is left says that it is over, in as few fields as the release before can read: with the
  -- names of its books in it a record takes six times as much.
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'permitted', record.permitted, 'sent', 1, 'settled', now, 'queue', ':queue', 'levels', '')
else
  redis.call('HSET', KEYS[1], 'settled', now, 'tokens', tokens, 'requests', requests)
end
redis.call('PEXPIRE', KEYS[1], keep)
close_books(record.levels, now, 4 * (send_within + entry))
redis.call('ZREM', record.claw .. ':flight', record.ref)
wake_all(record, channel)
return { 'booked', math.max(0, tokens - record.reserved) }
