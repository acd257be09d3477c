-- ties: what a tied job's start and end depend on, see model/ties.py
-- flags  allow-oom
-- Decoded once for each job, as long as the call lasts.
local function ties_of(job)
  if job.mark == '' then return {} end
  if not job.ties then job.ties = cjson.decode(job[TIES] or call('HGET', job.key, TIES)) end
  return job.ties
end
