-- unique: a name that only one job holds, from its request to its end or its first start
-- flags  allow-oom
-- Stored with a job that has one: {unique: {name, started (given up at the first start), conflict}}, JSON. Who holds it stands in
-- one hash; a holder that has ended, or is gone, holds nothing.
local function waits_for_name(job)
  return job.state == 'waiting' and string.sub(job[WAITS] or call('HGET', job.key, WAITS) or '', 1, 7) == 'unique '
end

-- The live job that holds a name, with the further fields asked for; nil when the name is free.
local function holder_of(name, ...)
  local token = call('HGET', base .. K_UNIQUE, name)
  local job = token and read(token, ...)
  if job and not FINAL[job.state] then return job end
  return nil
end

-- Gives a name to the one that waits for it; else it is free. One whose time has not come yet waits for that.
local function hand_name_on(name)
  local token = call('ZRANGE', base .. K_FOLLOWERS .. name, 0, 0)[1]
  local job = token and read(token, LINE, WAITS, DUE)
  if not (job and job.state == 'waiting') then
    call('HDEL', base .. K_UNIQUE, name)
    if token then call('DEL', base .. K_FOLLOWERS .. name) end
    return
  end
  call('HSET', base .. K_UNIQUE, name, token)
  leave_waiting(job)
  if job[DUE] then
    call('ZADD', base .. K_SCHEDULED, job[DUE], token)
    move(job, 'scheduled')
  else
    move(job, 'queued', SEQ, to_front(job[LINE] or DEFAULT_LINE, token))
  end
end

-- What a job does at its end: it lets go of the name that it holds.
local function leave_name(job)
  local unique = ties_of(job).unique
  if unique and call('HGET', base .. K_UNIQUE, unique.name) == job.token then hand_name_on(unique.name) end
end

-- What a job does at a start.
local function leave_name_at_start(job)
  local unique = ties_of(job).unique
  if unique and unique.started then leave_name(job) end
end
