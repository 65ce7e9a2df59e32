-- Redis' own clock, in milliseconds: the one clock of all orchestrators. Tests of borders put another in its place.
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
