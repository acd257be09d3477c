-- recover: take a job from what died while running it
-- from   running
-- to     queued, failed, cancelled
-- flags  allow-oom
-- ARGV   (part of advance, take_over and sweep) payload: error (JSON)
local function recover(token, attempt, problem, now)
  local job = owned(token, attempt, CANCEL, LINE, CRASHES, MAX_CRASHES)
  if not job then return false end
  end_attempt(job, now, 'crashed', problem)
  local crashes = (job[CRASHES] or 0) + 1
  count('crashed', 1)
  if job[CANCEL] then
    close(job, 'cancelled', now, CRASHES, integer(crashes))
  elseif crashes >= tonumber(job[MAX_CRASHES] or DEFAULT_MAX_CRASHES) then
    close(job, 'failed', now, CRASHES, integer(crashes), ERROR, problem)
  else
    move(job, 'queued', SEQ, to_front(job[LINE] or DEFAULT_LINE, token), CRASHES, integer(crashes))
  end
  return job.state
end
