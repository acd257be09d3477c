-- jobs: a job as a table
-- flags  allow-oom
local FINAL = { completed = true, failed = true, cancelled = true }

-- A job as a table: token, key, state, attempt (the number of claims so far, as text), mark, changes, runner and started of
-- the latest claim, and the further fields asked for, under their own words. Nil when there is no such job.
-- The mark behind the attempt is empty for a plain job, TIED for one that has ties: see ties.lua.
local function read(token, ...)
  local key = job_key(token)
  local values = call('HMGET', key, STATE, CHANGES, CLAIMED, ...)
  if not values[1] then return nil end
  local job = { token = token, key = key, changes = tonumber(values[2] or 0) }
  job.state, job.attempt, job.mark = string.match(values[1], '^(%a+) (%d+)(.*)$')
  job.runner, job.started = string.match(values[3] or ' 0', '^(.*) (%d+)$')
  for index, word in ipairs({ ... }) do job[word] = values[index + 3] end
  return job
end

-- The running job if `attempt` still owns it, else nil.
local function owned(token, attempt, ...)
  local job = read(token, ...)
  if job and job.state == 'running' and job.attempt == attempt then return job end
  return nil
end

-- Grows with every change. A claim counts by its attempt and completion by its state, so that these
-- two, which every job goes through, need not write it.
local function version_of(job)
  return 1 + job.attempt + job.changes + (job.state == 'completed' and 1 or 0)
end

-- What a claim says of a job instead of its spec, if it is not the first one or the job has ties; '' where there is nothing.
local function later_attempt(key, spec, attempt, mark)
  local fields = call('HMGET', key, FAILURES, CRASHES, CHECKPOINT)
  return { spec, attempt, fields[1] or '', fields[2] or '', fields[3] or '', mark }
end
