-- The meter says when a call was sent: from then on it counts for the window and the way. The first word stands.
--
-- KEYS  1 call
-- ARGV  1 how long ago in ms  2 longest time until sending  3 life of an entry after its sending  4 channel
-- Answers: unknown | known | booked <tokens that count twice because the call was sent late>
local ago, send_within, entry, channel = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local record = record_of(KEYS[1])
if not record then return { 'unknown' } end
if record.sent then return { 'known' } end

local now = open_books(record.levels)
local sent = math.min(now, math.max(record.permitted, now - ago))
local expires = sent + entry
local late = sent > record.permitted + send_within

for _, level in ipairs(record.levels) do
  drop_expired(level, now)
  if late then
    -- Its permit covers it no longer: it is charged again at its true time, beside the charge that runs out.
    if expires > now then put(level, record.ref .. '#late', record.tokens, record.requests, expires) end
  elseif take(level, record.ref, record.tokens, record.requests) and expires > now then
    put(level, record.ref, record.tokens, record.requests, expires)
  end
end

if late then
  redis.call('HSET', KEYS[1], 'sent', sent, 'late', expires)
else
  redis.call('HSET', KEYS[1], 'sent', sent, 'expires', expires)
end
close_books(record.levels, now, 4 * (send_within + entry))
wake_head(record.queue, channel)
return { 'booked', late and record.tokens or 0 }
