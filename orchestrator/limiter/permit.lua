-- One permit: all levels grant it, or none does.
--
-- KEYS  1 marker  2 fence  3 call  4 queue  5 leases  6 tickets; then log and sum of each level
-- ARGV  1 name of the call  2 fence of who asks  3 tokens  4 requests  5 lease of its place in the queue in ms (0: it does not wait)
--       6 longest time until sending  7 life of an entry after its sending  8 life of the call's record  9 channel;
--       then for each level its cap of requests and its cap of tokens ('' = none)
-- Answers: granted <ms left for sending> | wait <level> <limit> <ms until room> <place, 0 = head> | never <level> <limit>
--       superseded | unfenced | unmarked | closed <ms>
local marker, fence, call, queue, leases, tickets = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local ref, mine, tokens, requests = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local lease, send_within, entry, keep, channel = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9]

local function read_levels()
  local levels = {}
  for i = 7, #KEYS, 2 do
    local level = level_of(KEYS[i], KEYS[i + 1])
    level.requests_cap, level.tokens_cap = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
    table.insert(levels, level)
  end
  return levels
end

local function over(level, counted_requests, counted_tokens)
  if level.requests_cap and counted_requests + requests > level.requests_cap then return 'requests' end
  if level.tokens_cap and counted_tokens + tokens > level.tokens_cap then return 'tokens' end
  return nil
end

-- The moment at which enough of this level's entries will have left, if nothing is settled before.
local function room_at(level)
  local counted_requests, counted_tokens, from = level.requests, level.tokens, 0
  while true do
    local page = redis.call('ZRANGE', level.log, from, from + 63, 'WITHSCORES')
    if #page == 0 then return 0 end
    for i = 1, #page, 2 do
      local t, r = string.match(page[i], '|(%d+)|(%d+)$')
      counted_tokens, counted_requests = counted_tokens - tonumber(t), counted_requests - tonumber(r)
      if not over(level, counted_requests, counted_tokens) then return tonumber(page[i + 1]) end
    end
    from = from + 64
  end
end

-- Drops the tickets of waiters that no longer renew them. Whether this call may go first, and whether anyone waits.
local function my_turn(now)
  if redis.call('ZCARD', queue) == 0 then return true, false end
  local gone = redis.call('ZRANGEBYSCORE', leases, '-inf', now)
  for _, waiter in ipairs(gone) do
    redis.call('ZREM', queue, waiter)
    redis.call('ZREM', leases, waiter)
  end
  local head = redis.call('ZRANGE', queue, 0, 0)[1]
  if not head or head == ref then return true, true end
  if #gone > 0 then redis.call('PUBLISH', channel, head) end
  return false, true
end

local function wait(now)
  if lease == 0 then
    leave_queue(queue, leases, ref, channel)
    return -1
  end
  if not redis.call('ZSCORE', queue, ref) then redis.call('ZADD', queue, redis.call('INCR', tickets), ref) end
  redis.call('ZADD', leases, now + lease, ref)
  for _, key in ipairs({ queue, leases, tickets }) do redis.call('PEXPIRE', key, lease * 10) end
  return redis.call('ZRANK', queue, ref)
end

local function grant(levels, now)
  local expires, names = now + send_within + entry, ''
  for _, level in ipairs(levels) do
    put(level, ref, tokens, requests, expires)
    names = names .. level.log .. '\n' .. level.sum .. '\n'
  end
  redis.call('HSET', call, 'permitted', now, 'expires', expires, 'tokens', tokens, 'requests', requests,
    'reserved', tokens, 'ref', ref, 'queue', queue, 'levels', names)
  redis.call('PEXPIRE', call, keep)
end

local closed_until = redis.call('GET', marker)
if not closed_until then return { 'unmarked' } end
local newest = tonumber(redis.call('GET', fence) or nil)
if not newest or newest < mine then return { 'unfenced' } end
if newest > mine then
  leave_queue(queue, leases, ref, channel)
  return { 'superseded' }
end

local levels = read_levels()
local now = open_books(levels)
if now < tonumber(closed_until) then return { 'closed', tonumber(closed_until) - now } end

-- Asked again: the same answer, with the time that is left of it, and none once the call is over.
local before = redis.call('HMGET', call, 'permitted', 'settled')
if before[1] then
  if before[2] then return { 'granted', 0 } end
  return { 'granted', math.max(0, tonumber(before[1]) + send_within - now) }
end

for i, level in ipairs(levels) do
  local limit = over(level, 0, 0)
  if limit then
    leave_queue(queue, leases, ref, channel)
    return { 'never', i, limit }
  end
end

local turn, anyone_waits = my_turn(now)
local denying, denied_limit, room = 0, 'queue', now
for i, level in ipairs(levels) do
  drop_expired(level, now)
  local limit = over(level, level.requests, level.tokens)
  if limit then
    room = math.max(room, room_at(level))
    if denying == 0 then denying, denied_limit = i, limit end
  end
end

if turn and denying == 0 then
  grant(levels, now)
  if anyone_waits then leave_queue(queue, leases, ref, channel) end
  close_books(levels, now, 4 * (send_within + entry))
  return { 'granted', send_within }
end
close_books(levels, now, 4 * (send_within + entry))
return { 'wait', denying, denied_limit, room - now, wait(now) }
