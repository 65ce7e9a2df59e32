-- The task is over: its attempts get no permits, and its calls are under way no longer. KEYS 1 fence; ARGV 1 the task, 2 channel.
land(KEYS[1], ARGV[1], math.huge, ARGV[2])
return redis.call('DEL', KEYS[1], claw_of_task(KEYS[1]))
