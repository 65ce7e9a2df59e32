-- Appends events of one task, all by the same writer. KEYS 1 state, 2 stream; ARGV 1 fence, 2 the last id that the writer knows, 3 most bytes, 4 life in ms, 5 life after the end,
-- 6 bell, then for each event: id, sealed, the field that it may be in only once or '', its number there or '' , whether it is the last of the task (1 or 0).
-- Answers {what, how many were appended}: 'ok'; 'gone' without a stream; 'ended' behind the last event; 'fenced' for a writer that is not the newest; 'behind' where another
-- wrote meanwhile; 'repeated' where the next event is there already.
local state = redis.call('HMGET', KEYS[1], 'key', 'fence', 'last', 'bytes', 'ended')
if not state[1] then return { 'gone', 0 } end
if state[5] then return { 'ended', 0 } end
if tonumber(ARGV[1]) < tonumber(state[2]) then return { 'fenced', 0 } end
redis.call('HSET', KEYS[1], 'fence', ARGV[1])
if state[3] ~= ARGV[2] then return { 'behind', 0 } end

local bytes, what, done, last, life = tonumber(state[4]), 'ok', 0, state[3], ARGV[4]
for at = 7, #ARGV, 5 do
  local id, sealed, field, number, over = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  if field ~= '' then
    local seen = redis.call('HGET', KEYS[1], field)
    if seen and (number == '' or tonumber(number) <= tonumber(seen)) then
      what = 'repeated'
      break
    end
    redis.call('HSET', KEYS[1], field, number)
  end
  redis.call('XADD', KEYS[2], id .. '-0', 's', sealed)
  bytes = bytes + #sealed
  done = done + 1
  last = id
  if over == '1' then
    redis.call('HSET', KEYS[1], 'ended', 1)
    life = ARGV[5]
  end
end
local length = redis.call('XLEN', KEYS[2])
while bytes > tonumber(ARGV[3]) and length > 1 do
  local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
  bytes = bytes - #oldest[1][2][2]
  length = length - 1
  redis.call('XTRIM', KEYS[2], 'MAXLEN', length)
end
redis.call('HSET', KEYS[1], 'last', last, 'bytes', bytes)
redis.call('PEXPIRE', KEYS[1], life)
redis.call('PEXPIRE', KEYS[2], life)
if done > 0 then redis.call('PUBLISH', ARGV[6], last) end
return { what, done }
