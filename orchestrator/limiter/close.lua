-- The provider said for how long a key's calls have to wait. Its newest word stands; but within a second of another one, which
-- may have been said to a call beside it, only the longer.
-- KEYS 1 base of the key's level, 2 the call that was told so: it is heard once ('closed' in its record), until it is settled
-- ARGV 1 ms, 2 channel. Answers the ms for which the key is closed now.
local ms, key, call, now = tonumber(ARGV[1]), KEYS[1] .. ':closed', KEYS[2], clock()
local closed_until = now + ms
local was_until, said = word_of(KEYS[1], now)

if call then
  local record = redis.call('HMGET', call, 'permitted', 'settled', 'closed')
  local is_open = record[1] and not record[2]
  if not is_open or record[3] then return math.max(0, (was_until or now) - now) end
  redis.call('HSET', call, 'closed', 1)
end
if said and now - said < 1000 then closed_until = math.max(closed_until, was_until) end
if closed_until > now then
  redis.call('SET', key, string.format('%.0f %.0f', closed_until, now), 'PX', string.format('%.0f', closed_until - now + 1000))
else
  redis.call('DEL', key)
end
for _, member in ipairs(redis.call('ZRANGE', KEYS[1] .. ':turns', 0, -1)) do wake_head(claw_of(member), ARGV[2]) end
return closed_until - now
