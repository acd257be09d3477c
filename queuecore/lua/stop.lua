-- stop: an attempt ended because a cancel was asked for
-- from   running
-- to     cancelled
-- flags  allow-oom
-- ARGV   (part of advance) no payload
local function stop(token, attempt, now)
  local fields = owned(token, attempt, RUNNER, STARTED)
  if not fields then return false end
  remember(token, attempt, fields[5], fields[6], now, 'cancelled', 'null')
  close(token, 'cancelled', now, (fields[3] or 1) + 1, fields[4])
  return true
end
