-- Only the newest fence of a task gets permits. KEYS 1 fence; ARGV 1 its number (exact below 2^53), 2 life in ms. Answers the newest.
local newest = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', newest), 'PX', ARGV[2])
return string.format('%.0f', newest)
