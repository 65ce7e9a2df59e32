-- Only the newest fence of a task gets permits, and calls of its older attempts are under way no longer.
-- KEYS 1 fence; ARGV 1 its number (exact below 2^53), 2 life in ms, 3 the task, 4 its attempt, 5 channel. Answers the newest.
local newest = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', newest), 'PX', ARGV[2])
redis.call('PEXPIRE', claw_of_task(KEYS[1]), ARGV[2])
land(KEYS[1], ARGV[3], tonumber(ARGV[4]), ARGV[5])
return string.format('%.0f', newest)
