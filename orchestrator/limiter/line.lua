-- The line of a Claw's waiting calls, and its place among other Claws. It stands after the books in every script that needs it.
--
-- Under the base of a Claw lie
--   :queue    a sorted set: the calls that wait, by ticket
--   :leases   a sorted set: the same calls, by the moment at which their place is void unless they renew it
--   :tickets  the last ticket that was given out
--   :place    a hash: the shared level at which the Claw stands for the head of its line (left out: at none), under which member, with
--             which lease, and why it waits
--   :flight   a sorted set: calls that were granted and are not over, by the moment at which they surely are, though
--            nobody said so: who knew may have died, and the books may be those of a while ago
-- Under the base of a shared level lie
--   :turns    a sorted set: the Claws that stand there, by their pass; member "<entry>|<base of the Claw>", where the entries count up in
--             figures of equal length, so that at equal pass it is the one that came first
--   :places   a sorted set: the same members, by the moment at which their place is void
--   :entries  the last entry
-- A Claw holds others up only as long as it renews its place, which it has to do three times as often as a call its place in the line:
-- one whose orchestrator died is out of the others' way soon, and one that was only slow has not lost its place in the line.
local LEASES_OF_A_PLACE = 3

local function line_of(base)
  return {
    base = base, queue = base .. ':queue', leases = base .. ':leases', tickets = base .. ':tickets',
    place = base .. ':place', flight = base .. ':flight',
  }
end

-- Tells the call at the head of a Claw's line, wherever it waits, that trying again may succeed.
local woken = {}
local function wake_head(claw, channel)
  local head = redis.call('ZRANGE', claw .. ':queue', 0, 0)[1]
  if not head or woken[head] then return end
  woken[head] = true
  redis.call('PUBLISH', channel, head)
end

local function claw_of(member) return string.match(member, '|(.*)$') end

-- Tells the Claw whose turn it is at a shared level.
local function wake_first(base, channel)
  local first = redis.call('ZRANGE', base .. ':turns', 0, 0)[1]
  if first then wake_head(claw_of(first), channel) end
end

local function wake_all(record, channel)
  wake_head(record.claw, channel)
  for _, level in ipairs(record.levels) do wake_first(level.base, channel) end
end

-- The Claw stands at no shared level any more, but for the one that is named. Whether it stood at another.
local function leave_place(line, channel, except)
  local place = redis.call('HMGET', line.place, 'level', 'member')
  local base, member = place[1], place[2]
  if not base or base == except then return false end
  redis.call('HDEL', line.place, 'level', 'member')
  redis.call('ZREM', base .. ':places', member)
  if redis.call('ZREM', base .. ':turns', member) == 1 then wake_first(base, channel) end
  return true
end

-- The Claw enters a shared level, behind all others of its pass.
local function enter(line, base, pass, stands_until)
  local member = string.format('%016d|%s', redis.call('INCR', base .. ':entries'), line.base)
  redis.call('HSET', line.place, 'level', base, 'member', member)
  redis.call('ZADD', base .. ':turns', pass, member)
  redis.call('ZADD', base .. ':places', stands_until, member)
end

-- The head of a line has gone: who is next has its place at the shared level, at another pass where that is given.
local function hand_on(line, now, passes, channel)
  local head = redis.call('ZRANGE', line.queue, 0, 0)[1]
  local place = redis.call('HMGET', line.place, 'level', 'member', 'lease')
  local base, member, lease = place[1], place[2], tonumber(place[3] or 0)
  redis.call('HDEL', line.place, 'reason')
  if base then
    local stood_until = tonumber(redis.call('ZSCORE', base .. ':places', member) or 0)
    if head and stood_until > now and (not passes or passes[base]) then
      local stands_until = math.min(now + lease, tonumber(redis.call('ZSCORE', line.leases, head) or 0))
      if passes then
        enter(line, base, passes[base], stands_until)
        redis.call('ZREM', base .. ':turns', member)
        redis.call('ZREM', base .. ':places', member)
      else
        redis.call('ZADD', base .. ':places', stands_until, member)
      end
      wake_first(base, channel)
    else
      leave_place(line, channel)
    end
  end
  if head then wake_head(line.base, channel) end
end

-- Who no longer renews its place has none.
local function drop_lapsed(line, now, channel)
  local gone = redis.call('ZRANGEBYSCORE', line.leases, '-inf', now)
  if #gone == 0 then return end
  local head = redis.call('ZRANGE', line.queue, 0, 0)[1]
  for _, waiter in ipairs(gone) do
    redis.call('ZREM', line.queue, waiter)
    redis.call('ZREM', line.leases, waiter)
  end
  if redis.call('ZRANGE', line.queue, 0, 0)[1] ~= head then hand_on(line, now, nil, channel) end
end

local function leave_line(line, ref, now, passes, channel)
  drop_lapsed(line, now, channel)
  local was_head = redis.call('ZRANGE', line.queue, 0, 0)[1] == ref
  redis.call('ZREM', line.leases, ref)
  if redis.call('ZREM', line.queue, ref) == 1 and was_head then hand_on(line, now, passes, channel) end
end

-- Beside the fence of a task lies its Claw, once it had a permit. The fence itself is but a number: so the release before reads it, which may
-- run beside this one.
local function claw_of_task(fence) return fence .. ':claw' end

-- Calls of a task's attempts before the one that is named are under way no longer.
local function land(fence, task, before_epoch, channel)
  local claw = redis.call('GET', claw_of_task(fence))
  if not claw then return end
  local flight = claw .. ':flight'
  for _, ref in ipairs(redis.call('ZRANGE', flight, 0, -1)) do
    local its_task, epoch = string.match(ref, '^([^:]+):(%d+):')
    if its_task == task and tonumber(epoch) < before_epoch then redis.call('ZREM', flight, ref) end
  end
  wake_head(claw, channel)
end
