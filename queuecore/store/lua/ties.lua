-- ties: what a tied job's start and end depend on, see model/ties.py
-- flags  allow-oom
-- Decoded once for each job, as long as the call lasts.
local function ties_of(job)
  if not job.ties then
    local text = job.mark == TIED and (job[TIES] or call('HGET', job.key, TIES))
    job.ties = text and cjson.decode(text) or {}
  end
  return job.ties
end
