-- What is kept from an id on. KEYS 1 state, 2 stream; ARGV 1 the id.
-- Answers {wrapped key or nil, last id, microseconds of now, entries}.
local state = redis.call('HMGET', KEYS[1], 'key', 'last')
local now = redis.call('TIME')
return {
  state[1],
  state[2],
  string.format('%.0f', tonumber(now[1]) * 1000000 + tonumber(now[2])),
  redis.call('XRANGE', KEYS[2], ARGV[1] .. '-0', '+'),
}
