-- Only the newest epoch of a task gets permits. KEYS 1 fence; ARGV 1 epoch, 2 life in ms. Answers the newest epoch.
local newest = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1]))
redis.call('SET', KEYS[1], newest, 'PX', ARGV[2])
return newest
