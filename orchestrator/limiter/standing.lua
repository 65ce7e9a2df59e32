-- Where a Claw stands among its limits. It decides nothing.
-- KEYS 1 base of the Claw; then the base of each level
-- ARGV 1 life of the books in ms  2 the most calls under way at once ('' = any); then for each level its kind and its caps
-- Answers: { calls under way, calls waiting, why the first of them waits ('' = nobody does), <level> <limit> that would deny a call of
--   one request and one token now ('' = none), ms until there is room for it (-1 = not known or never) }, then for each level
--   { requests, tokens, ms until empty, ms closed by the provider (-1 = open), Claws that stand there }
local line, at_once = line_of(KEYS[1]), tonumber(ARGV[2])
local levels = read_levels(2, 3)
local now, clock_now = open_books(levels, line.base)
local function after(key, moment) return redis.call('ZCOUNT', key, string.format('(%.0f', moment), '+inf') end

local in_flight, waiting = after(line.flight, now), after(line.leases, now)
local denied, room, known, rows = '', now, true, {}
local function deny(level, limit)
  if denied == '' then denied = level.kind .. ' ' .. limit end
end
if at_once and in_flight >= at_once then
  deny(levels[1], 'calls')
  known = false
end
for _, level in ipairs(levels) do
  drop_expired(level, now)
  local closed, never = closed_until(level, now, clock_now), never_fits(level, 1, 1)
  if closed > now then
    room = math.max(room, closed)
    deny(level, 'provider')
  end
  local limit = never or over(level, level.requests, level.tokens, 1, 1)
  if limit then deny(level, limit) end
  if never then
    known = false
  elseif limit then
    room = math.max(room, room_at(level, 1, 1))
  end
  local last = redis.call('ZREVRANGE', level.log, 0, 0, 'WITHSCORES')[2]
  local claws_waiting = after(level.base .. ':places', now)
  if level.kind == 'claw' then claws_waiting = math.min(1, waiting) end
  table.insert(rows, { level.requests, level.tokens, last and math.max(0, tonumber(last) - now) or 0,
    closed > now and closed - now or -1, claws_waiting })
end
close_books(levels, now, ARGV[1])
local reason = waiting > 0 and redis.call('HGET', line.place, 'reason') or ''
return { { in_flight, waiting, reason or '', denied, known and room - now or -1 }, rows }
