-- What the provider said of a key lies under the base of its level, by Redis' clock: :closed, "<until when it is closed> <when it was said>".
-- Answers both, or nothing. A word from ahead of the clock was said before that was set back: it would hold for as long as the step was, and
-- so it goes; a key that has to wait yet hears it again.
local function word_of(base, clock_now)
  local closed_until, said = string.match(redis.call('GET', base .. ':closed') or '', '^(%d+) (%d+)$')
  if not said then return nil end
  if tonumber(said) > clock_now then
    redis.call('DEL', base .. ':closed')
    return nil
  end
  return tonumber(closed_until), tonumber(said)
end
