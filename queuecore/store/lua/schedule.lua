-- schedule: what waits for its time
-- flags  allow-oom
-- Numbers as texts: left to itself Redis makes them texts as fractions.
local function head_of(key)
  return call('ZRANGE', base .. key, '0', '0', 'WITHSCORES')[2]
end

local function next_due_ms(now)
  local job, other = head_of(K_SCHEDULED), head_of(K_CLOCK)
  if not (job or other) then return -1 end
  return math.max(0, math.min(job or math.huge, other or math.huge) - now)
end
