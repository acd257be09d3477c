-- keep_name: a live job that has a unique name holds it, or waits for it
-- flags  allow-oom
-- For the sweep. Whether a job that was requeued after its start still needs a name that is given up at a start cannot be told.
-- Returns whether something was put right; a name that another job holds stays that one's.
local function keep_name(job)
  local unique = ties_of(job).unique
  if not unique or FINAL[job.state] or waits_for_name(job) then return false end
  if unique.started and job.attempt ~= '0' then return false end
  return call('HSETNX', base .. K_UNIQUE, unique.name, job.token) == 1
end

-- For a job that waits for a name.
local function keep_following(job, name)
  local key, repaired = base .. K_FOLLOWERS .. name, false
  if not call('ZSCORE', key, job.token) or not call('ZSCORE', base .. K_WAITING, job.token) then
    set_aside(job.token, job[LINE], job[TURN], 'unique', name, K_FOLLOWERS)
    repaired = true
  end
  if holder_of(name) then return repaired end
  hand_name_on(name)
  return true
end
