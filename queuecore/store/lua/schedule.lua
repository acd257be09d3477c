-- schedule: what waits for its time
-- flags  allow-oom
local function next_due_ms(now)
  local first = call('ZRANGE', base .. K_SCHEDULED, 0, 0, 'WITHSCORES')
  return first[1] and math.max(0, first[2] - now) or -1
end
