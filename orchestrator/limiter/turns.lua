-- What stands in the way of a call, and whose turn it is. It stands after the books and the line in the scripts that decide.
--
-- Turns are start-time fair queueing (Goyal, Vin, Cheng 1996): a grant moves the Claw's pass on by its share of the level's
-- cap over its weight; a Claw that begins to wait enters at the level's virtual time at the earliest, which is the pass of the
-- last one that was granted, so it neither saves up turns nor has to make up for those it did not want.

-- From KEYS behind `first_key` and ARGV behind `first_arg`: for each level its kind, its cap of requests and of tokens ('' = none).
local function read_levels(first_key, first_arg)
  local levels = {}
  for i = first_key, #KEYS do
    local level, at = level_of(KEYS[i]), first_arg + 3 * (i - first_key)
    level.kind, level.requests_cap, level.tokens_cap = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    level.has_caps = level.requests_cap ~= nil or level.tokens_cap ~= nil
    level.has_turns = level.kind ~= 'claw' and level.has_caps
    table.insert(levels, level)
  end
  return levels
end

local function over(level, counted_requests, counted_tokens, requests, tokens)
  if level.requests_cap and counted_requests + requests > level.requests_cap then return 'requests' end
  if level.tokens_cap and counted_tokens + tokens > level.tokens_cap then return 'tokens' end
  return nil
end

-- A cap of 0 is closed, also for what takes nothing of it.
local function never_fits(level, requests, tokens)
  if level.requests_cap == 0 then return 'requests' end
  if level.tokens_cap == 0 then return 'tokens' end
  return over(level, 0, 0, requests, tokens)
end

-- The moment at which enough of this level's entries will have left, if nothing is settled before; a moment before it where
-- that takes more entries than are looked at. So the cost of an answer does not grow with the log.
local PAGE, PAGES = 64, 4
local function room_at(level, requests, tokens)
  local counted_requests, counted_tokens, reached = level.requests, level.tokens, 0
  for page = 0, PAGES - 1 do
    local entries = redis.call('ZRANGE', level.log, page * PAGE, page * PAGE + PAGE - 1, 'WITHSCORES')
    if #entries == 0 then break end
    for i = 1, #entries, 2 do
      local t, r = string.match(entries[i], '|(%d+)|(%d+)$')
      counted_tokens, counted_requests = counted_tokens - tonumber(t), counted_requests - tonumber(r)
      reached = tonumber(entries[i + 1])
      if not over(level, counted_requests, counted_tokens, requests, tokens) then return reached end
    end
  end
  return reached
end

-- When the provider lets calls of this key through again, by the time of the books, which may be ahead of the clock; 0 where it does.
local function closed_until(level, now, clock_now)
  local until_clock = level.kind == 'key' and word_of(level.base, clock_now)
  return until_clock and now + until_clock - clock_now or 0
end

-- Who is first at a shared level, and its pass. Places that are void go.
local function first_of(level, now)
  local turns, places = level.base .. ':turns', level.base .. ':places'
  local first = redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES')
  if #first == 0 then return nil end
  local gone = redis.call('ZRANGEBYSCORE', places, '-inf', now)
  if #gone > 0 then
    for _, member in ipairs(gone) do
      redis.call('ZREM', turns, member)
      redis.call('ZREM', places, member)
    end
    first = redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES')
  end
  return first[1], tonumber(first[2] or 0)
end

-- Puts the Claw's pass at this moment into the level, and under which member it stands there. Answers who goes before it, or nil.
-- One that does not stand there yet would enter behind all others of its pass.
local function before_me(level, line, now)
  local first, pass = first_of(level, now)
  level.pass = math.max(level.pass, level.virtual)
  if not first then return nil end
  local place = redis.call('HMGET', line.place, 'level', 'member')
  local mine = place[1] == level.base and redis.call('ZSCORE', level.base .. ':turns', place[2])
  if not mine then return pass <= level.pass and first or nil end
  level.pass, level.member = tonumber(mine), place[2]
  return first ~= level.member and first or nil
end

-- A pass that the level's virtual time has reached says nothing: its Claw would enter there in any case. Where Claws come and go they would pile up in a level that is
-- never idle, so each grant, which adds one at most, looks at a few: any cursor is as good as another.
local PASSES_KEPT, PASSES_LOOKED_AT = 64, 4
local function drop_passes(level, now)
  if redis.call('HLEN', level.sum) <= PASSES_KEPT then return end
  local fields = redis.call('HSCAN', level.sum, string.format('%.0f', now), 'COUNT', PASSES_LOOKED_AT)[2]
  for i = 1, #fields, 2 do
    local is_pass = string.sub(fields[i], 1, 5) == 'pass:'
    if is_pass and tonumber(fields[i + 1]) <= level.virtual then redis.call('HDEL', level.sum, fields[i]) end
  end
end

local function take_turn(level, requests, tokens, weight, now)
  local share = math.max(level.requests_cap and requests / level.requests_cap or 0,
    level.tokens_cap and tokens / level.tokens_cap or 0)
  level.virtual, level.pass, level.passed = math.max(level.virtual, level.pass), level.pass + share / weight, true
  drop_passes(level, now)
end

-- The states of the levels with caps, for the answer: index, requests, tokens, ms until the last entry has left.
local function states_of(levels, now)
  local states = {}
  for i, level in ipairs(levels) do
    if level.has_caps then
      local last = redis.call('ZREVRANGE', level.log, 0, 0, 'WITHSCORES')[2]
      for _, value in ipairs({ i, level.requests, level.tokens, last and math.max(0, tonumber(last) - now) or 0 }) do
        table.insert(states, value)
      end
    end
  end
  return states
end
