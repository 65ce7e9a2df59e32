-- The books that all scripts of the limiter share; it stands before each of them.
--
-- A level (a Claw, a key, an organisation) is named by its base, which holds the hash tag of its organisation. Under it lie
--   :log  a sorted set: member "<call>|<tokens>|<requests>", score = the moment from which it no longer counts
--   :sum  a hash: tokens and requests of all members of the log, the last moment seen; of a shared level also its
--         virtual time and the pass of each Claw (see turns.lua)
-- Every change of the log changes the sum in the same script, so a decision never scans the log.
-- A call has a hash of its own that remembers what it was granted, in which levels, and what it counts now.

local function level_of(base)
  return { base = base, log = base .. ':log', sum = base .. ':sum', tokens = 0, requests = 0, changed = false }
end

-- The present moment. It never goes back for a level, whatever the clock does. Answers the clock's own word as well.
local function open_books(levels, claw)
  local clock_now = clock()
  local now = clock_now
  for _, level in ipairs(levels) do
    level.pass_field = 'pass:' .. (claw or '')
    local sum = redis.call('HMGET', level.sum, 'tokens', 'requests', 'last', 'virtual', level.pass_field)
    level.tokens, level.requests = tonumber(sum[1] or 0), tonumber(sum[2] or 0)
    level.virtual, level.pass = tonumber(sum[4] or 0), tonumber(sum[5] or 0)
    now = math.max(now, tonumber(sum[3] or 0))
  end
  return now, clock_now
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
      if level.passed then
        redis.call('HSET', level.sum, 'tokens', level.tokens, 'requests', level.requests, 'last', now,
          'virtual', level.virtual, level.pass_field, level.pass)
      else
        redis.call('HSET', level.sum, 'tokens', level.tokens, 'requests', level.requests, 'last', now)
      end
      redis.call('PEXPIRE', level.sum, keep)
      redis.call('PEXPIRE', level.log, keep)
    end
  end
end

-- What a granted call left behind, or nil. Its keys come from its record, since an orchestrator that takes over
-- a running call knows its name only; all keys of an organisation share one hash slot. They stand there as the release before
-- wrote and reads them, which may run beside this one: the queue of the Claw, log and sum of each level.
local function record_of(key)
  local fields = redis.call('HMGET', key, 'permitted', 'expires', 'tokens', 'requests', 'reserved', 'sent', 'late',
    'settled', 'ref', 'queue', 'levels', 'due')
  if not fields[1] then return nil end
  local record = {
    permitted = tonumber(fields[1]), expires = tonumber(fields[2]), tokens = tonumber(fields[3]),
    requests = tonumber(fields[4]), reserved = tonumber(fields[5]), sent = fields[6] and true or false,
    late = tonumber(fields[7] or nil), settled = fields[8] and true or false, ref = fields[9],
    claw = string.match(fields[10], '^(.*):queue$'), due = tonumber(fields[12] or nil), levels = {},
  }
  for base in string.gmatch(fields[11], '([^\n]+):log\n') do table.insert(record.levels, level_of(base)) end
  return record
end
