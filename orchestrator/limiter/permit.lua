-- One permit: all levels grant it, or none does.
--
-- KEYS  1 marker  2 fence  3 call  4 base of the Claw; then the base of each level
-- ARGV  1 name of the call  2 fence of who asks  3 tokens  4 requests  5 lease of its place in the line in ms (0: it does not wait)
--       6 ms that it may wait yet  7 longest time until sending  8 life of an entry after its sending  9 life of the call's record
--       10 channel  11 weight of the Claw  12 the most calls under way at once ('' = any)  13 1 where the Claw is paused
--       14 life of the fence  15 ms after which it is surely under way no longer; then for each level its kind, its cap of requests and its
--       cap of tokens ('' = none)
-- Answers: { kind, facts, states, Redis' time in ms }; facts of each kind:
--   granted { ms left for sending } | wait { level, limit, ms until room, place (0 = head, -1 = it does not wait), ms after which
--   to ask again (-1 = when called) } | never { level, limit } | superseded { the newest fence } | unfenced | unmarked | closed { ms } | unsteady | ahead (see steady.lua)
-- The call waits at the lowest level that denies it; only there may it hold up other Claws.
local marker, fence, call, line = KEYS[1], KEYS[2], KEYS[3], line_of(KEYS[4])
local ref, mine, tokens, requests = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local lease, left, send_within, entry = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local keep, channel, weight, at_once = tonumber(ARGV[9]), ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12])
local paused, fence_life, under_way = ARGV[13] == '1', ARGV[14], tonumber(ARGV[15])
local books_life = 4 * (send_within + entry)

-- Whether this call may go first, whether anyone waits, and when the head's lease runs out.
local function my_turn(now)
  if redis.call('ZCARD', line.queue) == 0 then return true, false end
  drop_lapsed(line, now, channel)
  local head = redis.call('ZRANGE', line.queue, 0, 0)[1]
  if not head or head == ref then return true, true end
  return false, true, tonumber(redis.call('ZSCORE', line.leases, head) or now)
end

local function wait(now)
  if lease == 0 then
    leave_line(line, ref, now, nil, channel)
    return -1
  end
  if not redis.call('ZSCORE', line.queue, ref) then redis.call('ZADD', line.queue, redis.call('INCR', line.tickets), ref) end
  redis.call('ZADD', line.leases, now + lease, ref)
  for _, key in ipairs({ line.queue, line.leases, line.tickets }) do redis.call('PEXPIRE', key, lease * 10) end
  return redis.call('ZRANK', line.queue, ref)
end

-- The Claw stands for its head at this level from now on (none: it waits for itself only).
local function stand_at(level, reason, now)
  leave_place(line, channel, level and level.base)
  local place_lease = math.ceil(lease / LEASES_OF_A_PLACE)
  redis.call('HSET', line.place, 'reason', reason, 'lease', place_lease)
  redis.call('PEXPIRE', line.place, lease * 10)
  if not level then return end
  if level.member then
    redis.call('ZADD', level.base .. ':places', now + place_lease, level.member)
  else
    enter(line, level.base, level.pass, now + place_lease)
  end
  for _, key in ipairs({ ':turns', ':places', ':entries' }) do redis.call('PEXPIRE', level.base .. key, lease * 10) end
end

local function grant(levels, now, anyone_waits, its_claw)
  local expires, names, passes = now + send_within + entry, '', {}
  for _, level in ipairs(levels) do
    put(level, ref, tokens, requests, expires)
    if level.has_turns then
      take_turn(level, requests, tokens, weight, now)
      passes[level.base] = level.pass
    end
    names = names .. level.log .. '\n' .. level.sum .. '\n'
  end
  redis.call('HSET', call, 'permitted', now, 'expires', expires, 'tokens', tokens, 'requests', requests,
    'reserved', tokens, 'ref', ref, 'queue', line.queue, 'levels', names)
  redis.call('PEXPIRE', call, keep)
  redis.call('ZADD', line.flight, now + under_way, ref)
  redis.call('PEXPIRE', line.flight, keep)
  if its_claw ~= line.base then redis.call('SET', claw_of_task(fence), line.base, 'PX', fence_life) end
  if anyone_waits then leave_line(line, ref, now, passes, channel) end
end

-- Whether as many calls are under way as may be. One that the release before settled still stands there: it goes when it is in the way.
local function all_under_way(now)
  redis.call('ZREMRANGEBYSCORE', line.flight, '-inf', now)
  if redis.call('ZCARD', line.flight) < at_once then return false end
  local others = string.sub(call, 1, #call - #ref)
  for _, other in ipairs(redis.call('ZRANGE', line.flight, 0, 15)) do
    if redis.call('HGET', others .. other, 'settled') then redis.call('ZREM', line.flight, other) end
  end
  return redis.call('ZCARD', line.flight) >= at_once
end

local marked = redis.call('GET', marker)
if not marked then return { 'unmarked', {}, {}, clock() } end
local fenced = redis.call('MGET', fence, claw_of_task(fence))
local newest = tonumber(fenced[1] or nil)
if not newest or newest < mine then return { 'unfenced', {}, {}, clock() } end

local levels = read_levels(5, 16)
local now, clock_now = open_books(levels, line.base)
if newest > mine then
  leave_line(line, ref, now, nil, channel)
  return { 'superseded', { fenced[1] }, {}, clock_now }
end
if not is_steady(clock_now) then return { 'unsteady', {}, {}, clock_now } end
-- By the clock itself: books that lie ahead of it may be dropped only once this is over.
if clock_now < tonumber(marked) then return { 'closed', { tonumber(marked) - clock_now }, {}, clock_now } end
if now - clock_now > send_within + entry then
  if not drop_ahead(levels, clock_now, send_within + entry) then return { 'ahead', {}, {}, clock_now } end
  now = open_books(levels, line.base)
end
for _, level in ipairs(levels) do drop_expired(level, now) end

local function answer(kind, facts, states)
  close_books(levels, now, books_life)
  return { kind, facts, states or states_of(levels, now), clock_now }
end

-- Asked again: the same answer, with the time that is left of it, and none once the call is over.
local before = redis.call('HMGET', call, 'permitted', 'settled')
if before[1] then
  return answer('granted', { before[2] and 0 or math.max(0, tonumber(before[1]) + send_within - now) })
end

for i, level in ipairs(levels) do
  local limit = never_fits(level, requests, tokens)
  if limit then
    leave_line(line, ref, now, nil, channel)
    return answer('never', { i, limit })
  end
end

local first_in_line, anyone_waits, head_until = my_turn(now)
if paused then
  -- Who stood there has to hear of it: it may not have seen yet that the Claw is stopped, nor see it before it is deployed again.
  if leave_place(line, channel) and not first_in_line then wake_head(line.base, channel) end
  return answer('wait', { 1, 'paused', 0, wait(now), -1 })
end

-- Who cannot live to see the key open again is told so now.
for _, level in ipairs(levels) do
  level.closed = closed_until(level, now, clock_now)
  if level.closed > now + left then lease = 0 end
end

if not first_in_line and lease > 0 then
  return answer('wait', { 1, 'queue', 0, wait(now), math.max(1, head_until - now) }, {})
end

local denying, denied_limit, room, ahead = 0, 'queue', now, nil
local function deny(i, limit)
  if denying == 0 then denying, denied_limit = i, limit end
end
if at_once and all_under_way(now) then deny(1, 'calls') end
for i, level in ipairs(levels) do
  local goes_before = level.has_turns and before_me(level, line, now) or nil
  if level.closed > now then
    room = math.max(room, level.closed)
    deny(i, 'provider')
  end
  local limit = over(level, level.requests, level.tokens, requests, tokens)
  if limit then
    room = math.max(room, room_at(level, requests, tokens))
    deny(i, limit)
  end
  if goes_before and first_in_line then deny(i, 'turn') end
  if denying == i then ahead = goes_before end
end

if first_in_line and denying == 0 then
  grant(levels, now, anyone_waits, fenced[2])
  return answer('granted', { send_within })
end
if denying == 0 then denying = 1 end
local look_again = room > now and room - now or -1
local place = wait(now)
if place == 0 then
  local at = levels[denying]
  stand_at(at.has_turns and at or nil, at.kind .. ' ' .. denied_limit, now)
  if ahead then
    look_again = math.max(1, tonumber(redis.call('ZSCORE', at.base .. ':places', ahead) or now) - now)
  elseif denied_limit == 'calls' then
    look_again = -1
  end
end
return answer('wait', { denying, denied_limit, room - now, place, look_again }, place >= 0 and {} or nil)
