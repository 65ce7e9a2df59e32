-- The books that all scripts of the limiter share; it stands before each of them.
--
-- A level (a Claw, a key, an organisation) has two keys:
--   log  a sorted set: member "<call>|<tokens>|<requests>", score = the moment from which it no longer counts
--   sum  a hash: tokens and requests of all members of the log, and the last moment seen
-- Every change of the log changes the sum in the same script, so a decision never scans the log.
-- A call has a hash of its own that remembers what it was granted, in which levels, and what it counts now.

local function level_of(log, sum)
  return { log = log, sum = sum, tokens = 0, requests = 0, changed = false }
end

-- The present moment. It never goes back for a level, whatever the clock does.
local function open_books(levels)
  local now = clock()
  for _, level in ipairs(levels) do
    local sum = redis.call('HMGET', level.sum, 'tokens', 'requests', 'last')
    level.tokens, level.requests = tonumber(sum[1] or 0), tonumber(sum[2] or 0)
    now = math.max(now, tonumber(sum[3] or 0))
  end
  return now
end

local function drop_expired(level, now)
  local gone = redis.call('ZRANGEBYSCORE', level.log, '-inf', now)
  if #gone == 0 then return end
  for _, member in ipairs(gone) do
    local tokens, requests = string.match(member, '|(%d+)|(%d+)$')
    level.tokens, level.requests = level.tokens - tonumber(tokens), level.requests - tonumber(requests)
  end
  redis.call('ZREMRANGEBYSCORE', level.log, '-inf', now)
  level.changed = true
end

local function member_of(ref, tokens, requests)
  return string.format('%s|%d|%d', ref, tokens, requests)
end

local function put(level, ref, tokens, requests, expires)
  redis.call('ZADD', level.log, expires, member_of(ref, tokens, requests))
  level.tokens, level.requests = level.tokens + tokens, level.requests + requests
  level.changed = true
end

-- Takes a charge out of the log; false where it has left already because its time was over.
local function take(level, ref, tokens, requests)
  if redis.call('ZREM', level.log, member_of(ref, tokens, requests)) == 0 then return false end
  level.tokens, level.requests = level.tokens - tokens, level.requests - requests
  level.changed = true
  return true
end

-- Log and sum live equally long, and longer than any entry: an idle level leaves nothing behind.
local function close_books(levels, now, keep)
  for _, level in ipairs(levels) do
    if level.changed then
      redis.call('HSET', level.sum, 'tokens', level.tokens, 'requests', level.requests, 'last', now)
      redis.call('PEXPIRE', level.sum, keep)
      redis.call('PEXPIRE', level.log, keep)
    end
  end
end

-- What a granted call left behind, or nil. Its keys come from its record, since an orchestrator that takes over
-- a running call knows its name only; all keys of an organisation share one hash slot.
local function record_of(key)
  local fields = redis.call('HMGET', key, 'permitted', 'expires', 'tokens', 'requests', 'reserved', 'sent', 'late',
    'settled', 'ref', 'queue', 'levels')
  if not fields[1] then return nil end
  local record = {
    permitted = tonumber(fields[1]), expires = tonumber(fields[2]), tokens = tonumber(fields[3]),
    requests = tonumber(fields[4]), reserved = tonumber(fields[5]), sent = fields[6] and true or false,
    late = tonumber(fields[7] or nil), settled = fields[8] and true or false, ref = fields[9], queue = fields[10],
    levels = {},
  }
  for log, sum in string.gmatch(fields[11], '([^\n]+)\n([^\n]+)\n') do
    table.insert(record.levels, level_of(log, sum))
  end
  return record
end

-- Tells the call at the head of the queue, wherever it waits, that trying again may succeed.
local function wake_head(queue, channel)
  local head = redis.call('ZRANGE', queue, 0, 0)[1]
  if head then redis.call('PUBLISH', channel, head) end
end

local function leave_queue(queue, leases, ref, channel)
  local was_head = redis.call('ZRANGE', queue, 0, 0)[1] == ref
  redis.call('ZREM', leases, ref)
  if redis.call('ZREM', queue, ref) == 1 and was_head then wake_head(queue, channel) end
end
