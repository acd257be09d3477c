-- admit: jobs whose obstacle is gone go to the front of their lines
-- from   waiting
-- to     queued, scheduled
-- flags  allow-oom
-- ARGV   (part of whatever takes an obstacle away)
-- Takes a waiting job from where it stands; what becomes of it is the caller's to write.
local function leave_waiting(job)
  local reason, name = string.match(job[WAITS] or '', '^(%a+) (.*)$')
  if reason == 'limit' then call('ZREM', base .. K_WAITERS .. name, job.token) end
  if reason == 'unique' then call('ZREM', base .. K_FOLLOWERS .. name, job.token) end
  call('ZREM', base .. K_WAITING, job.token)
  call('HDEL', job.key, WAITS)
end

-- Admits the first `n` of those that wait for `name` in its line. Returns how many there were.
local function admit(name, obstacle, n)
  local key, jobs = base .. obstacle .. name, {}
  while #jobs < n do
    local tokens = call('ZRANGE', key, 0, n - #jobs - 1)
    if #tokens == 0 then break end
    for _, token in ipairs(tokens) do
      local job = read(token, LINE, WAITS)
      if job and job.state == 'waiting' then jobs[#jobs + 1] = job end
    end
    call('ZREM', key, unpack(tokens))
  end
  -- The last one first, so that the first one ends in front.
  for index = #jobs, 1, -1 do
    local job = jobs[index]
    leave_waiting(job)
    move(job, 'queued', SEQ, to_front(job[LINE] or DEFAULT_LINE, job.token))
  end
  return #jobs
end
