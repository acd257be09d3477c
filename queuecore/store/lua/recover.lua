-- recover: take a job from what died while running it
-- from   running
-- to     queued, failed, cancelled
-- flags  allow-oom
-- ARGV   (part of advance, take_over and sweep) payload: error (JSON)
-- Who was there when a runner was seen to die is suspected, and is tried alone from then on; so is, however it came by its
-- crashes, a job whose next one would be its last. One in a job process is alone already.
local function recover(token, attempt, problem, now, nobody_is_suspected)
  local job = owned(token, attempt, CANCEL, LINE, CRASHES, MAX_CRASHES)
  if not job then return false end
  end_attempt(job, now, 'crashed', problem)
  local crashes, most = (job[CRASHES] or 0) + 1, tonumber(job[MAX_CRASHES] or DEFAULT_MAX_CRASHES)
  count('crashed', 1)
  if job[CANCEL] then
    close(job, 'cancelled', now, CRASHES, integer(crashes))
  elseif crashes >= most then
    close(job, 'failed', now, CRASHES, integer(crashes), ERROR, problem)
  else
    local shared = not string.match(job[LINE] or DEFAULT_LINE, ':process:')
    local suspected = shared and (not nobody_is_suspected or crashes + 1 >= most)
    go_to_front(job, suspected and 'alone' or '', CRASHES, integer(crashes))
  end
  return job.state
end
