-- The meter says when a call was sent: from then on it counts for the window and the way. The first word stands.
--
-- KEYS  1 call
-- ARGV  1 how long ago in ms  2 longest time until sending  3 life of an entry after its sending  4 channel
-- Answers: unknown | known | booked <tokens that count twice because the call was sent late>
local ago, send_within, entry, channel = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local record = record_of(KEYS[1])
if not record then return { 'unknown' } end
if record.sent then return { 'known' } end

local now, clock_now = open_books(record.levels)
local sent = math.min(now, math.max(record.permitted, now - ago))
local expires = sent + entry
-- Over a step of the clock nobody can say so by it, and nothing is permitted anyway: it is charged once, at the later time.
local is_past = sent > (record.due or record.permitted + send_within)
local is_after_step = is_past and not judges(clock_now)
local late = is_past and not is_after_step

for _, level in ipairs(record.levels) do
  drop_expired(level, now)
  if late then
    -- Its permit covers it no longer: it is charged again at its true time, beside the charge that runs out.
    if expires > now then put(level, record.ref .. '#late', record.tokens, record.requests, expires) end
  else
    local stood = take(level, record.ref, record.tokens, record.requests)
    if (stood or is_after_step) and expires > now then
      put(level, record.ref, record.tokens, record.requests, expires)
    end
  end
end

if late then
  redis.call('HSET', KEYS[1], 'sent', sent, 'late', expires)
else
  redis.call('HSET', KEYS[1], 'sent', sent, 'expires', expires)
end
close_books(record.levels, now, 4 * (send_within + entry))
wake_all(record, channel)
return { 'booked', late and record.tokens or 0 }
