-- Redis' clock as the caller of a script knows it. The last of ARGV says between which moments the clock can stand while the script runs,
-- and what the caller has seen since its start: "clock:<earliest>:<latest>:<waited>:<stepped>", where waited is 1 once it was closed for the
-- longest life of an entry, stepped 1 where the clock was set lately. Where it is missing the clock is believed (tests of borders).
local steady_earliest, steady_latest, caller_waited, caller_stepped =
  string.match(ARGV[#ARGV] or '', '^clock:(%d+):(%d+):([01]):([01])$')

-- False where the clock was set, or the command has been on its way for too long to tell.
local function is_steady(clock_now)
  if not steady_earliest then return true end
  return clock_now >= tonumber(steady_earliest) and clock_now <= tonumber(steady_latest)
end

-- Whether a moment from before can be compared with one of now.
local function judges(clock_now)
  return caller_stepped ~= '1' and is_steady(clock_now)
end

-- Books that lie further ahead of the clock than any entry lives were written before it was set back. Once the longest life was waited
-- out nothing in them counts any more: they are dropped, since their own time would not come for as long as the step was.
-- False where that was not waited out yet.
local function drop_ahead(levels, clock_now, longest)
  if caller_waited ~= '1' then return false end
  for _, level in ipairs(levels) do
    local last = tonumber(redis.call('HGET', level.sum, 'last') or 0)
    if last - clock_now > longest then
      redis.call('DEL', level.log, level.sum)
      -- Leases of that time would outlive those who have them; whoever waits yet comes back.
      for _, key in ipairs({ ':queue', ':leases', ':place', ':turns', ':places' }) do redis.call('DEL', level.base .. key) end
    end
  end
  return true
end
