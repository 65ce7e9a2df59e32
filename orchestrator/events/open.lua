-- Makes a task's stream where there is none. KEYS 1 its state; ARGV 1 wrapped key, 2 the id behind which it begins or '', 3 life in ms.
-- Answers {wrapped key, last id}: those that stand, also where another was first.
if redis.call('HEXISTS', KEYS[1], 'key') == 0 then
  local last = ARGV[2]
  if last == '' then
    -- Microseconds: above all earlier ids also where everything was lost, since ids grow by one an event and so never run ahead of time.
    local now = redis.call('TIME')
    last = string.format('%.0f', tonumber(now[1]) * 1000000 + tonumber(now[2]))
  end
  redis.call('HSET', KEYS[1], 'key', ARGV[1], 'last', last, 'fence', 0, 'bytes', 0)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'key', 'last')
