-- release: give an attempt back unspent, its job to the front of its line
-- from   running
-- to     queued, cancelled
-- flags  allow-oom
-- ARGV   (part of advance) no payload
local function release(token, attempt, _, now)
  local job = owned(token, attempt, CANCEL, LINE)
  if not job then return false end
  end_attempt(job, now, 'released', 'null')
  if job[CANCEL] then
    close(job, 'cancelled', now)
    return true
  end
  move(job, 'queued', SEQ, to_front(job[LINE] or DEFAULT_LINE, token))
  count('released', 1)
  return true
end
