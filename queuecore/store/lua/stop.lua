-- stop: an attempt ended because a cancel was asked for
-- from   running
-- to     cancelled
-- flags  allow-oom
-- ARGV   (part of advance) no payload
local function stop(token, attempt, _, now)
  local job = owned(token, attempt)
  if not job then return false end
  end_attempt(job, now, 'cancelled', 'null')
  close(job, 'cancelled', now)
  return true
end
