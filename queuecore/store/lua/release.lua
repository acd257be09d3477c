-- release: give an attempt back unspent, its job to the front of its line
-- from   running
-- to     queued, cancelled
-- flags  allow-oom
-- ARGV   (part of advance) payload: the class of slot that the job is to wait for, '' for that of its line
local function release(token, attempt, class, now)
  local job = owned(token, attempt, CANCEL, LINE)
  if not job then return false end
  end_attempt(job, now, 'released', 'null')
  if job[CANCEL] then
    close(job, 'cancelled', now)
    return true
  end
  go_to_front(job, class)
  count('released', 1)
  return true
end
