-- limits: places that only so many attempts hold at once, and starts of which only so many come in a time
-- flags  allow-oom
-- Stored with a job that has any: {limits: [{name, places} or {name, interval (ms), burst}]}, JSON. Places are held by
-- attempts, under their names, from the claim to its outcome; a job that stands anywhere holds none.
local LOOK_AGAIN_MS = 5000

local function limits_of(job)
  return ties_of(job).limits or {}
end

-- What the limit allows: the number of places; or interval and burst. An operator's word comes before the job's.
local function places_of(limit)
  return tonumber(call('HGET', base .. K_LIMITS, limit.name) or limit.places)
end

local function rate_of(limit)
  local said = call('HGET', base .. K_LIMITS, limit.name)
  if not said then return limit.interval, limit.burst end
  local interval, burst = string.match(said, '^(%S+) (%S+)$')
  return tonumber(interval or limit.interval), tonumber(burst or limit.burst)
end

-- When the next start may come, in ms.
-- Source: the generic cell rate algorithm, ITU-T I.371, as a virtual schedule.
local function next_start(limit)
  local interval, burst = rate_of(limit)
  return tonumber(call('GET', base .. K_RATE .. limit.name) or 0) - (burst - 1) * interval
end

local function is_full(limit, now)
  if limit.places then return call('SCARD', base .. K_PLACES .. limit.name) >= places_of(limit) end
  return next_start(limit) > now
end

-- The first of these limits that leaves no room; nil when a job may start as far as they are concerned.
local function first_full(limits, now)
  for _, limit in ipairs(limits) do
    if is_full(limit, now) then return limit end
  end
  return nil
end

-- Sees to it that those who wait for a limit are thought of, also if nobody gives a place back.
local function remember_waiters(limit, now)
  if limit.places then
    call('ZADD', base .. K_LIMITED, 'NX', now + LOOK_AGAIN_MS, limit.name)
  else
    call('ZADD', base .. K_CLOCK, 'NX', math.ceil(next_start(limit)), limit.name)
  end
end

-- Returns whether the attempt did not have the place before.
local function take_place(limit, name)
  call('SADD', base .. K_HELD, limit.name)
  return call('SADD', base .. K_PLACES .. limit.name, name) == 1
end

-- Takes what an attempt needs of all of its limits; none of them is full.
local function take_places(limits, name, now)
  for _, limit in ipairs(limits) do
    if limit.places then
      take_place(limit, name)
    else
      local key, interval = base .. K_RATE .. limit.name, rate_of(limit)
      local spent = math.max(tonumber(call('GET', key) or 0), now) + interval
      call('SET', key, string.format('%.3f', spent), 'PX', math.ceil(spent - now) + 1)
    end
  end
end

-- Gives a place back; it goes to the next who waits for one.
local function leave_place(limit_name, name)
  local key = base .. K_PLACES .. limit_name
  if call('SREM', key, name) == 0 then return end
  if call('EXISTS', key) == 0 then call('SREM', base .. K_HELD, limit_name) end
  if admit(limit_name, K_WAITERS, 1) == 0 then call('ZREM', base .. K_LIMITED, limit_name) end
end

-- A job that may have been admitted leaves its line without a start: what it did not take is offered to the next.
local function pass_places_on(limits)
  for _, limit in ipairs(limits) do
    if limit.places and call('EXISTS', base .. K_WAITERS .. limit.name) == 1 and not is_full(limit) then
      admit(limit.name, K_WAITERS, 1)
    end
  end
end

-- Gives back all places that the job's latest attempt held.
local function leave_places(job)
  local name = name_of(job.token, job.attempt)
  for _, limit in ipairs(limits_of(job)) do
    if limit.places then leave_place(limit.name, name) end
  end
end

-- What waits for a limit: the ties of the first one say what it is.
local function waited_limit(name)
  local first = call('ZRANGE', base .. K_WAITERS .. name, 0, 0)[1]
  local job = first and read(first, TIES)
  for _, limit in ipairs(job and limits_of(job) or {}) do
    if limit.name == name then return limit end
  end
  return nil
end

-- Admits whom a rate has room for, of the limits whose time has come.
local function promote_by_rate(now)
  for _, name in ipairs(call('ZRANGEBYSCORE', base .. K_CLOCK, '-inf', now, 'LIMIT', 0, 100)) do
    local limit = waited_limit(name)
    call('ZREM', base .. K_CLOCK, name)
    if limit then
      local interval, burst = rate_of(limit)
      local tokens = math.floor((now - next_start(limit)) / interval) + 1
      local went = admit(name, K_WAITERS, math.min(math.max(tokens, 0), burst, 100))
      -- They have not started yet, so that the rate does not know of them.
      call('ZADD', base .. K_CLOCK, math.ceil(math.max(next_start(limit), now) + math.max(went, 1) * interval), name)
    end
  end
end

-- Admits whom there are places for though nobody gave one back, of some limits that were not looked at for a while: one
-- who was admitted may stand in a line that nobody serves.
local function look_after_limits(now)
  for _, name in ipairs(call('ZRANGEBYSCORE', base .. K_LIMITED, '-inf', now, 'LIMIT', 0, 100)) do
    local limit = waited_limit(name)
    if limit and limit.places then
      admit(name, K_WAITERS, math.min(places_of(limit) - call('SCARD', base .. K_PLACES .. name), 100))
      call('ZADD', base .. K_LIMITED, now + LOOK_AGAIN_MS, name)
    else
      call('ZREM', base .. K_LIMITED, name)
    end
  end
end

-- Whether a tied job that was taken out of its line may start its next attempt; else it is set aside.
local function may_start(token, name, now)
  local job = read(token, TIES, LINE, TURN)
  local limits = limits_of(job)
  local full = first_full(limits, tonumber(now))
  if full then
    remember_waiters(full, tonumber(now))
    move(job, 'waiting', set_aside(token, job[LINE], job[TURN], 'limit', full.name, K_WAITERS))
    pass_places_on(limits)
    return false
  end
  take_places(limits, name, tonumber(now))
  leave_name_at_start(job)
  return true
end

-- The limit that a new job has to wait for: one that is full, or that others wait for already.
local function obstacle_of(ties, now)
  local limits = ties.limits or {}
  for _, limit in ipairs(limits) do
    if call('EXISTS', base .. K_WAITERS .. limit.name) == 1 then return limit end
  end
  return first_full(limits, now)
end
